/** What a model is to the rest of the project: parameters and a function from tokens to logits. */
import type { Tensor } from '../ops/tf.js';
import type { ParamSpec } from './params.js';

export type Positions = 'absolute' | 'relative' | 'rotary';

/** The size of a decoder and the choices that are the same for every architecture of a comparison. */
export interface ModelShape {
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly dModel: number;
  /** Layers of attention and feed-forward; the Evolved Transformer has blocks that stand for so many (evolved.ts). */
  readonly nLayers: number;
  readonly nHeads: number;
  /** nHeads * dHead need not be dModel. */
  readonly dHead: number;
  /** Width of the feed-forward layer; of each of the two halves where it is gated. */
  readonly dFf: number;
  readonly tiedEmbeddings: boolean;
  /** `small`: the project's rule for AdamW at small scale; `t5`: the Primer release's, for Adafactor. */
  readonly init: 'small' | 't5';
}

export type Params = Readonly<Record<string, Tensor>>;

/** What a model is trained to do: predict each next token of a text, or the spans dropped from one. */
export type ObjectiveKind = 'nextToken' | 'spanCorruption';

export interface LanguageModel {
  readonly params: readonly ParamSpec[];
  /** Of an encoder-decoder: tokens a sequence of what its encoder reads, and of what its decoder reads and predicts. */
  readonly encoder?: { readonly sourceLength: number; readonly targetLength: number };
  /**
   * Next-token logits.
   * @param tokens [contextLength * batchSize] int32, time-major: token t of sequence b at t * batchSize + b; of an
   * encoder-decoder what the decoder reads, [targetLength * batchSize]
   * @param source of an encoder-decoder what the encoder reads, [sourceLength * batchSize]
   * @returns [contextLength * batchSize, vocabSize]; of an encoder-decoder [targetLength * batchSize, vocabSize + sentinels]
   */
  readonly logits: (params: Params, tokens: Tensor, batchSize: number, source?: Tensor) => Tensor;
  /**
   * For models whose training loss may have a further term, such as load balancing: the same logits, and that term as a
   * scalar, its weight in it, or null. Training minimises the sum; every loss that is reported is the cross-entropy alone.
   */
  readonly logitsAndAuxiliaryLoss?: (
    params: Params,
    tokens: Tensor,
    batchSize: number,
  ) => { readonly logits: Tensor; readonly auxiliaryLoss: Tensor | null };
  /**
   * Whether the logits of a sequence depend on that sequence alone and nothing is drawn at random, so that a batch may be
   * computed in parts. Not so where it is not said.
   */
  readonly independentSequences?: boolean;
  /** Whether a training step draws random numbers (ops/random.ts); found out by computing one where it is not known. */
  readonly drawsRandomNumbers?: boolean;
}
