/** The parts of the decoder that architectures differ in. A preset is a choice of these; see presets.ts. */
import type { Tensor } from '../ops/tf.js';

/** A mixture of experts in place of some feed-forward layers (Fedus et al. 2021; Primer's release). */
export interface ExpertOptions {
  readonly count: number;
  /** Every so many layers the feed-forward layer is a mixture, the last of each group. */
  readonly everyNthLayer: number;
  /** Tokens that an expert takes of one sequence, over those that it would get if routing were even. */
  readonly capacityFactor: number;
  /** An expert takes at least so many tokens of a sequence (fewer only where the sequence is shorter). */
  readonly minCapacity: number;
  /** Weight of the load-balancing loss in the training loss. */
  readonly balanceWeight: number;
  /** In training the router's input is multiplied by random numbers from 1 - jitter to 1 + jitter; none where left out. */
  readonly jitter?: number | undefined;
}

/** An elementwise function of a variant's own, on any shape. */
export type Activation = (x: Tensor) => Tensor;

export interface DecoderOptions {
  /** What a layer is: attention and feed-forward, or the Evolved Transformer's decoder block (evolved.ts). */
  readonly block: 'transformer' | 'evolved';
  /** `layerNorm` is also Primer's norm in the T5 release; `primerNormLingvo` is Lingvo's reading, not centred. */
  readonly norm: 'layerNorm' | 'rmsNorm' | 'primerNormLingvo';
  /** Where the feed-forward layer is normalised: before the call, or after it (Primer's pre/post norm). */
  readonly feedForwardNorm: 'before' | 'after';
  readonly activation: 'relu' | 'gelu' | 'swish' | 'squaredRelu' | Activation;
  /** activation(x W) * x V instead of activation(x W). */
  readonly gated: boolean;
  /** dFf over dModel where a size does not give dFf; a gated layer has 2/3 of it (registry.ts, `defaultDff`). */
  readonly feedForwardRatio: number;
  /** Biases of the feed-forward layer; projections of attention have none, as in T2T. */
  readonly feedForwardBiases: boolean;
  readonly experts: ExpertOptions | null;
  /**
   * A causal depthwise convolution of width 3 for each of Q, K and V: on the projection's output (MDHA), or on its input,
   * which makes the projection a depthwise-separable convolution.
   */
  readonly qkvConvolution: 'none' | 'afterProjection' | 'beforeProjection';
  /** One representation r for queries and keys: k = r, q = r W. */
  readonly sharedQueryKey: boolean;
  /**
   * Where the weights of attention come from: query-key products, or a Synthesizer (Tay et al. 2020): a learned matrix
   * (`random`), a projection of the query (`dense`), or products and the learned matrix added (`randomPlus`).
   */
  readonly attentionWeights: 'queryKey' | 'random' | 'dense' | 'randomPlus';
  /** A learned factor for each position and channel after attention; ties the model to one context length. */
  readonly postSoftmaxGating: boolean;
}

export const VANILLA: DecoderOptions = {
  block: 'transformer',
  norm: 'layerNorm',
  feedForwardNorm: 'before',
  activation: 'relu',
  gated: false,
  feedForwardRatio: 4,
  feedForwardBiases: true,
  experts: null,
  qkvConvolution: 'none',
  sharedQueryKey: false,
  attentionWeights: 'queryKey',
  postSoftmaxGating: false,
};

/** Whether attention compares queries with keys, which is what rotary positions turn. */
export const comparesQueriesAndKeys = ({ attentionWeights }: DecoderOptions): boolean =>
  attentionWeights === 'queryKey' || attentionWeights === 'randomPlus';
