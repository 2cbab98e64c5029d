/** Named architectures over the decoder core, each beside its definition (So et al. 2021 and the Primer release, where no other source is named). */
import { VANILLA, type DecoderOptions, type ExpertOptions } from './decoderOptions.js';
import type { EncoderDecoderOptions } from './encoderDecoder.js';
import type { Positions } from './model.js';

export interface Preset {
  readonly options: DecoderOptions;
  /** The family it belongs to where a study does not choose positions. */
  readonly positions: Positions;
  readonly description: string;
}

const preset =
  (positions: Positions, base: DecoderOptions) =>
  (description: string, changes: Partial<DecoderOptions> = {}): Preset => ({
    options: { ...base, ...changes },
    positions,
    description,
  });

/** T5 1.0: RMSNorm without bias, ReLU, no biases anywhere. */
const T5: DecoderOptions = { ...VANILLA, norm: 'rmsNorm', feedForwardBiases: false };

/** A gated feed-forward layer has no biases (Shazeer 2020), and dFf cut to 2/3. */
const GATED = { gated: true, feedForwardBiases: false } as const;

/** What Transformer++ changes: RMSNorm and a feed-forward layer gated by swish, without biases, dFf cut to 2/3. */
const PLUS_PLUS = { norm: 'rmsNorm', activation: 'swish', ...GATED } as const;

/** The parts of Primer, each a change to the Transformer. */
const SQUARED_RELU = { activation: 'squaredRelu' } as const;
const MDHA = { qkvConvolution: 'afterProjection' } as const;
const SHARED_QK = { sharedQueryKey: true } as const;
const PRE_POST_NORM = { feedForwardNorm: 'after' } as const;
/** The separable convolution that the paper compares MDHA with: depthwise, then the projection. */
const SEPARABLE_CONV = { qkvConvolution: 'beforeProjection' } as const;

/** What Primer-EZ changes: squared ReLU and MDHA. */
const EZ = { ...SQUARED_RELU, ...MDHA } as const;

/** What Primer adds to Primer-EZ: shared Q/K, pre/post norm, and its norm (LayerNorm in the T5 release). */
const PRIMER = { ...EZ, ...SHARED_QK, ...PRE_POST_NORM, norm: 'layerNorm' } as const;

/** Switch layers of the release, whose capacity factor is the same in training and evaluation. */
const SWITCH: ExpertOptions = {
  count: 32,
  everyNthLayer: 4,
  capacityFactor: 1.2,
  minCapacity: 4,
  balanceWeight: 0.01,
  jitter: 0.01,
};

const transformer = preset('absolute', VANILLA);
const primer = preset('absolute', { ...VANILLA, ...PRIMER });
const t5 = preset('relative', T5);
/** The Transformer of today: RMSNorm, rotary positions, no biases; Transformer++ with rotary positions (Touvron et al. 2023). */
const llama = preset('rotary', { ...VANILLA, ...PLUS_PLUS });

/** The architectures of the headline comparison, in two families of positions. */
const HEADLINE: Readonly<Record<string, Preset>> = {
  transformer: transformer(
    'Vanilla Transformer: LayerNorm, ReLU feed-forward with biases, multi-head attention',
  ),
  'transformer++': transformer(
    'Transformer with RMSNorm and a feed-forward layer gated by swish, dFf cut to 2/3',
    PLUS_PLUS,
  ),
  'primer-ez': transformer(
    'Transformer with squared ReLU and a causal depthwise convolution on queries, keys and values (MDHA)',
    EZ,
  ),
  primer: primer('Primer-EZ with a shared query-key representation, pre/post norm and Primer norm'),
  t5: t5('T5 1.0 decoder: RMSNorm, ReLU, no biases, relative positions'),
  't5++': t5('T5 with a feed-forward layer gated by swish, dFf cut to 2/3', PLUS_PLUS),
  't5-primer-ez': t5('T5 with squared ReLU and MDHA', EZ),
  't5-primer': t5(
    'T5 with all of Primer: squared ReLU, MDHA, shared Q/K, pre/post norm, Primer norm',
    PRIMER,
  ),
};

/** Other baselines: activations, and what today's reader will ask for. */
const BASELINES: Readonly<Record<string, Preset>> = {
  'transformer-gelu': transformer('Transformer with GELU', { activation: 'gelu' }),
  'transformer-swish': transformer('Transformer with swish', { activation: 'swish' }),
  'transformer-reglu': transformer(
    'Transformer with a feed-forward layer gated by ReLU, without biases, dFf cut to 2/3',
    GATED,
  ),
  'transformer-swiglu': transformer(
    'Transformer with a feed-forward layer gated by swish, without biases, dFf cut to 2/3',
    { ...GATED, activation: 'swish' },
  ),
  'transformer-squared-relu': transformer('Transformer with squared ReLU', SQUARED_RELU),
  't5-1.1': t5('T5 1.1 decoder: T5 with a feed-forward layer gated by GELU, dFf cut to 2/3', {
    ...GATED,
    activation: 'gelu',
  }),
  llama: llama('RMSNorm, rotary positions, feed-forward layer gated by swish (SwiGLU), no biases'),
  'llama-primer-ez': llama(
    "Llama's norm, positions and lack of biases with Primer-EZ's squared ReLU and MDHA",
    {
      ...EZ,
      gated: false,
    },
  ),
};

/** The paper's insertions: one part of Primer added to the Transformer (squared ReLU is `transformer-squared-relu`). */
const INSERTIONS: Readonly<Record<string, Preset>> = {
  'transformer+mdha': transformer('Transformer with MDHA', MDHA),
  'transformer+separable-conv': transformer(
    'Transformer with separable convolutions for Q, K and V: depthwise, then the projection, the reverse of MDHA',
    SEPARABLE_CONV,
  ),
  'transformer+shared-qk': transformer('Transformer with a shared query-key representation', SHARED_QK),
  'transformer+pre-post-norm': transformer(
    'Transformer whose feed-forward layer is normalised after the call, not before',
    PRE_POST_NORM,
  ),
  'transformer+primer-norm-lingvo': transformer(
    "Transformer with Primer norm as Lingvo has it, not centred; the T5 release's Primer norm is LayerNorm",
    { norm: 'primerNormLingvo' },
  ),
  't5+primer-norm-t5': t5("T5 with the T5 release's Primer norm, which is LayerNorm", { norm: 'layerNorm' }),
  'transformer+bottleneck12': transformer('Transformer with dFf = 12 dModel', { feedForwardRatio: 12 }),
  'transformer+post-softmax-gating': transformer(
    'Transformer with a learned factor for each position and channel after attention',
    { postSoftmaxGating: true },
  ),
};

/** The paper's ablations: Primer with one part taken away, exchanged or added. */
const ABLATIONS: Readonly<Record<string, Preset>> = {
  'primer-without-squared-relu': primer('Primer with ReLU', { activation: 'relu' }),
  'primer-without-mdha': primer('Primer without MDHA', { qkvConvolution: 'none' }),
  'primer-without-shared-qk': primer('Primer with projections of their own for queries and keys', {
    sharedQueryKey: false,
  }),
  'primer-without-pre-post-norm': primer('Primer with both layers normalised before the call', {
    feedForwardNorm: 'before',
  }),
  'primer-lingvo-norm': primer("Primer with Lingvo's reading of its norm, not centred", {
    norm: 'primerNormLingvo',
  }),
  'primer-separable-conv': primer('Primer with separable convolutions in place of MDHA', SEPARABLE_CONV),
  'primer+bottleneck12': primer('Primer with dFf = 12 dModel', { feedForwardRatio: 12 }),
  'primer+post-softmax-gating': primer(
    'Primer with a learned factor for each position and channel after attention',
    { postSoftmaxGating: true },
  ),
};

/** The paper's other models. */
const OTHERS: Readonly<Record<string, Preset>> = {
  'evolved-transformer': transformer(
    'Evolved Transformer (So et al. 2019): attention with doubled heads, convolutional layer, attention, swish',
    { block: 'evolved', activation: 'swish' },
  ),
  'switch-transformer': transformer(
    'Transformer whose every 4th feed-forward layer is a top-1 mixture of 32 experts (Fedus et al. 2021)',
    { experts: SWITCH },
  ),
  'switch-primer': transformer('Switch Transformer with squared ReLU and MDHA', { ...EZ, experts: SWITCH }),
  ...synthesizer('random', 'random', 'a learned matrix in place of query-key products'),
  ...synthesizer('dense', 'dense', "a projection of each position's query in place of query-key products"),
  ...synthesizer('random-plus', 'randomPlus', 'a learned matrix added to query-key products'),
};

/** A Synthesizer (Tay et al. 2020), and the same with squared ReLU. */
function synthesizer(
  kind: string,
  attentionWeights: DecoderOptions['attentionWeights'],
  weights: string,
): Record<string, Preset> {
  return {
    [`synthesizer-${kind}`]: transformer(`Synthesizer: ${weights}`, { attentionWeights }),
    [`synthesizer-${kind}-squared-relu`]: transformer(`Synthesizer with squared ReLU: ${weights}`, {
      attentionWeights,
      ...SQUARED_RELU,
    }),
  };
}

/** All of them, in the order in which they are listed to people. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  ...HEADLINE,
  ...BASELINES,
  ...INSERTIONS,
  ...ABLATIONS,
  ...OTHERS,
};

/** A T5 of encoder and decoder, and the same options in both. */
export interface EncoderDecoderPreset extends Preset {
  readonly options: EncoderDecoderOptions;
}

const encoderDecoderT5 = (
  description: string,
  changes: Partial<EncoderDecoderOptions> = {},
): EncoderDecoderPreset => ({
  options: {
    ...T5,
    block: 'transformer',
    feedForwardNorm: 'before',
    experts: null,
    attentionWeights: 'queryKey',
    postSoftmaxGating: false,
    ...changes,
  },
  positions: 'relative',
  description,
});

/** Encoder-decoders, trained by span corruption: their losses are not those of the others, so no study has both. */
export const ENCODER_DECODER_PRESETS: Readonly<Record<string, EncoderDecoderPreset>> = {
  't5-encdec': encoderDecoderT5('T5 1.0 (Raffel et al. 2020): encoder and decoder, span corruption'),
  't5++-encdec': encoderDecoderT5(
    'T5 encoder-decoder with a feed-forward layer gated by swish, dFf cut to 2/3',
    PLUS_PLUS,
  ),
  't5-primer-ez-encdec': encoderDecoderT5(
    'T5 encoder-decoder with squared ReLU and MDHA, whose convolutions are centred in the encoder',
    EZ,
  ),
};
