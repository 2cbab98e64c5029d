/** The parts of the decoder that architectures differ in. A preset is a choice of these; see presets.ts. */

export interface DecoderOptions {
  /** `layerNorm` is also Primer's norm in the T5 release; `primerNormLingvo` is Lingvo's reading, not centred. */
  readonly norm: 'layerNorm' | 'rmsNorm' | 'primerNormLingvo';
  /** Where the feed-forward layer is normalised: before the call, or after it (Primer's pre/post norm). */
  readonly feedForwardNorm: 'before' | 'after';
  readonly activation: 'relu' | 'gelu' | 'swish' | 'squaredRelu';
  /** activation(x W) * x V instead of activation(x W). */
  readonly gated: boolean;
  /** Biases of the feed-forward layer; projections of attention have none, as in T2T. */
  readonly feedForwardBiases: boolean;
  /** MDHA: a causal depthwise convolution of width 3 after each of the Q, K and V projections. */
  readonly qkvConvolution: boolean;
  /** One representation r for queries and keys: k = r, q = r W. */
  readonly sharedQueryKey: boolean;
}

export const VANILLA: DecoderOptions = {
  norm: 'layerNorm',
  feedForwardNorm: 'before',
  activation: 'relu',
  gated: false,
  feedForwardBiases: true,
  qkvConvolution: false,
  sharedQueryKey: false,
};
