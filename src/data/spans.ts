/**
 * Span corruption (Raffel et al. 2020, section 3.1.4): parts of a window of text are dropped, a sentinel in the place of
 * each; the targets are those parts, each after its sentinel. Text and dropped spans alternate, beginning with text.
 */
import { CorpusError } from './errors.js';
import { evaluationWindows, type EvalWindows } from './evaluation.js';
import { requireLength, requirePositive } from './packing.js';
import { permutation } from './shuffle.js';
import type { TokenSplit } from './tokenSplit.js';

/** What decides the shape of a corrupted window. */
export interface SpanCounts {
  readonly windowLength: number;
  /** Tokens that are dropped, and in how many spans. */
  readonly noiseTokens: number;
  readonly spans: number;
}

/** Ids beside those of the text. */
export interface SpanIds {
  /** Span j's sentinel is this plus j: the first id after the corpus's vocabulary. */
  readonly firstSentinel: number;
  /** Ends source and targets, and begins what the decoder reads. */
  readonly end: number;
}

/** Where a batch is written, time-major: position t of sequence b at `t * batchSize + b`. */
export interface SpanArrays {
  /** `(windowLength - noiseTokens + spans + 1) * batchSize` ids: what the encoder reads. */
  readonly source: Int32Array;
  /** `(noiseTokens + spans + 1) * batchSize` ids each: what the decoder reads, and what it has to predict. */
  readonly inputs: Int32Array;
  readonly targets: Int32Array;
}

/** Stretches of a window: text i, span i, text i + 1 and so on. */
export interface SpanChoice {
  readonly textLengths: readonly number[];
  readonly spanLengths: readonly number[];
}

/** The spans of the sequence that a run reads as number `sequence`, the same for every architecture and batch size. */
export const trainingSpans = (counts: SpanCounts, seed: number, sequence: number): SpanChoice =>
  chooseSpans(counts, `isoloss spans ${seed} ${sequence}`);

/** The spans of a held-out window that begins at `start` of its split: the same in every run. */
export const heldOutSpans = (counts: SpanCounts, start: number): SpanChoice =>
  chooseSpans(counts, `isoloss held-out spans ${start}`);

/**
 * As many spans as there are to be: lengths of spans and of the text between them, all ways of dividing up either being
 * equally likely (T5's `random_spans_noise_mask`).
 * @param label decides the choice
 */
function chooseSpans({ windowLength, noiseTokens, spans }: SpanCounts, label: string): SpanChoice {
  return {
    textLengths: divided(windowLength - noiseTokens, spans, `${label} text`),
    spanLengths: divided(noiseTokens, spans, `${label} spans`),
  };
}

/** Divides `items` into `parts` of at least one each. */
function divided(items: number, parts: number, label: string): number[] {
  if (parts < 1 || parts > items) {
    throw new CorpusError(`${items} tokens can't be divided into ${parts} parts of one at least.`);
  }
  const cuts = [...permutation(items - 1, label).subarray(0, parts - 1)].sort((a, b) => a - b);
  const ends = [...cuts.map((cut) => cut + 1), items];
  return ends.map((end, i) => end - (ends[i - 1] ?? 0));
}

/** Writes the window that starts at `start` of the stream, with these spans dropped, into one column of a batch. */
export function fillSpans(
  { tokens }: TokenSplit,
  start: number,
  { textLengths, spanLengths }: SpanChoice,
  ids: SpanIds,
  column: number,
  batchSize: number,
  { source, inputs, targets }: SpanArrays,
): void {
  const length = [...textLengths, ...spanLengths].reduce((sum, part) => sum + part, 0);
  const window = tokens.slice(start, start + length);
  let at = 0;
  let read = 0;
  let predicted = 0;
  const give = (token: number): void => {
    source[read++ * batchSize + column] = token;
  };
  const predict = (token: number): void => {
    inputs[predicted * batchSize + column] =
      predicted === 0 ? ids.end : targets[(predicted - 1) * batchSize + column]!;
    targets[predicted++ * batchSize + column] = token;
  };
  spanLengths.forEach((spanLength, span) => {
    for (let i = 0; i < textLengths[span]!; i++) give(window[at++]!);
    give(ids.firstSentinel + span);
    predict(ids.firstSentinel + span);
    for (let i = 0; i < spanLength; i++) predict(window[at++]!);
  });
  give(ids.end);
  predict(ids.end);
}

/** @throws CorpusError where the arrays of a batch are not as long as they have to be */
export function requireSpanShape(arrays: SpanArrays, batchSize: number, counts: SpanCounts): void {
  requirePositive('batchSize', batchSize);
  const { windowLength, noiseTokens, spans } = counts;
  requireLength('source', arrays.source, batchSize * (windowLength - noiseTokens + spans + 1));
  requireLength('inputs', arrays.inputs, batchSize * (noiseTokens + spans + 1));
  requireLength('targets', arrays.targets, batchSize * (noiseTokens + spans + 1));
}

/** Held-out windows with their spans. */
export interface SpanWindows extends EvalWindows {
  readonly choices: readonly SpanChoice[];
}

/**
 * The windows that `evaluationWindows` gives, of which the dropped spans are predicted: a `contextLength` of the result
 * is the number of predicted tokens of a window. A sentinel belongs to the document of its span's first token, the end
 * mark to that of the last token before it.
 *
 * @param maxTokens tokens of text in all windows
 * @throws CorpusError where the split has fewer windows, or `maxTokens` is less than one window
 */
export function spanWindows(
  split: TokenSplit,
  counts: SpanCounts,
  ids: SpanIds,
  maxTokens: number,
): SpanWindows {
  const { windowLength, noiseTokens, spans } = counts;
  const windows = evaluationWindows(split, { contextLength: windowLength, maxTokens });
  const perWindow = noiseTokens + spans + 1;
  const tokens = windows.count * perWindow;
  const targets = new Int32Array(tokens);
  const documents = new Int32Array(tokens);
  const choices: SpanChoice[] = [];
  const { documentStarts } = split;
  let document = 0;
  for (let w = 0; w < windows.count; w++) {
    const choice = heldOutSpans(counts, windows.starts[w]!);
    choices.push(choice);
    const start = windows.starts[w]!;
    const window = split.tokens.slice(start, start + windowLength);
    let at = start;
    let place = w * perWindow;
    const put = (token: number): void => {
      targets[place] = token;
      documents[place++] = document;
    };
    const enter = (token: number): void => {
      while (document + 1 < documentStarts.length && documentStarts[document + 1]! <= token) document++;
    };
    choice.spanLengths.forEach((spanLength, span) => {
      at += choice.textLengths[span]!;
      enter(at);
      put(ids.firstSentinel + span);
      for (let i = 0; i < spanLength; i++) {
        enter(at);
        put(window[at++ - start]!);
      }
    });
    put(ids.end);
  }
  return {
    contextLength: perWindow,
    count: windows.count,
    tokens,
    starts: windows.starts,
    targets,
    documents,
    choices,
  };
}

/** Writes a batch of windows, from window `first` on; the last one again where fewer than `batchSize` are left. */
export function fillSpanEvalBatch(
  windows: SpanWindows,
  split: TokenSplit,
  ids: SpanIds,
  batch: SpanArrays & { readonly first: number; readonly batchSize: number },
): void {
  const { first, batchSize } = batch;
  for (let b = 0; b < batchSize; b++) {
    const w = Math.min(first + b, windows.count - 1);
    fillSpans(split, windows.starts[w]!, windows.choices[w]!, ids, b, batchSize, batch);
  }
}
