/** Span corruption by the numbers: how long a window's corrupted text and its targets are (T5's `random_spans_helper`). */
import { ModelError } from './error.js';

/** Share of the text that is dropped, and mean length of a dropped span (Raffel et al. 2020, section 3.3.4). */
const NOISE_DENSITY = 0.15;
const MEAN_SPAN_LENGTH = 3;

/** All of these follow from the length of the window alone, so that batches need no padding. */
export interface SpanLengths {
  /** Tokens of text in a window. */
  readonly windowLength: number;
  readonly noiseTokens: number;
  /** Dropped spans in a window, which is how many sentinels there are. */
  readonly spans: number;
  /** What the encoder reads: the text that is left, a sentinel for each span, the end mark. */
  readonly sourceLength: number;
  /** What the decoder predicts: a sentinel and the text of each span, the end mark. */
  readonly targetLength: number;
}

/** To the nearest whole number, halves to the even one, as in NumPy, TensorFlow and so in T5. */
function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

/** @throws ModelError where the window is too short to drop a part and keep a part */
export function spanLengths(windowLength: number): SpanLengths {
  if (windowLength < 2) {
    throw new ModelError(
      `span corruption drops a part of each window and keeps a part, so contextLength must be at least 2, not ${windowLength}`,
    );
  }
  const noiseTokens = Math.max(roundHalfToEven(windowLength * NOISE_DENSITY), 1);
  const spans = Math.max(roundHalfToEven(noiseTokens / MEAN_SPAN_LENGTH), 1);
  return {
    windowLength,
    noiseTokens,
    spans,
    sourceLength: windowLength - noiseTokens + spans + 1,
    targetLength: noiseTokens + spans + 1,
  };
}
