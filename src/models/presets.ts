/** Named architectures over the decoder core, each beside the paper's definition (So et al. 2021, and the Primer release). */
import { VANILLA, type DecoderOptions } from './decoderOptions.js';
import type { Positions } from './model.js';

export interface Preset {
  readonly options: DecoderOptions;
  /** The family it belongs to where a study does not choose positions. */
  readonly positions: Positions;
  readonly description: string;
}

/** T5 1.0: RMSNorm without bias, ReLU, no biases anywhere. */
const T5: DecoderOptions = { ...VANILLA, norm: 'rmsNorm', feedForwardBiases: false };

/** What Transformer++ changes: RMSNorm and a feed-forward layer gated by swish, without biases, dFf cut to 2/3. */
const PLUS_PLUS = { norm: 'rmsNorm', activation: 'swish', gated: true, feedForwardBiases: false } as const;

/** What Primer-EZ changes: squared ReLU and MDHA. */
const EZ = { activation: 'squaredRelu', qkvConvolution: 'afterProjection' } as const;

/** What Primer adds to Primer-EZ: shared Q/K, pre/post norm, and its norm (LayerNorm in the T5 release). */
const PRIMER = { ...EZ, sharedQueryKey: true, feedForwardNorm: 'after', norm: 'layerNorm' } as const;

export const PRESETS: Readonly<Record<string, Preset>> = {
  transformer: {
    options: VANILLA,
    positions: 'absolute',
    description: 'Vanilla Transformer: LayerNorm, ReLU feed-forward with biases, multi-head attention',
  },
  'transformer++': {
    options: { ...VANILLA, ...PLUS_PLUS },
    positions: 'absolute',
    description: 'Transformer with RMSNorm and a feed-forward layer gated by swish, dFf cut to 2/3',
  },
  'primer-ez': {
    options: { ...VANILLA, ...EZ },
    positions: 'absolute',
    description:
      'Transformer with squared ReLU and a causal depthwise convolution on queries, keys and values (MDHA)',
  },
  primer: {
    options: { ...VANILLA, ...PRIMER },
    positions: 'absolute',
    description: 'Primer-EZ with a shared query-key representation, pre/post norm and Primer norm',
  },
  t5: {
    options: T5,
    positions: 'relative',
    description: 'T5 1.0 decoder: RMSNorm, ReLU, no biases, relative positions',
  },
  't5++': {
    options: { ...T5, ...PLUS_PLUS },
    positions: 'relative',
    description: 'T5 with a feed-forward layer gated by swish, dFf cut to 2/3',
  },
  't5-primer-ez': {
    options: { ...T5, ...EZ },
    positions: 'relative',
    description: 'T5 with squared ReLU and MDHA',
  },
  't5-primer': {
    options: { ...T5, ...PRIMER },
    positions: 'relative',
    description: 'T5 with all of Primer: squared ReLU, MDHA, shared Q/K, pre/post norm, Primer norm',
  },
};
