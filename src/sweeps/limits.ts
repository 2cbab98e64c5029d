/**
 * The largest values that flags and sweep files take: above what any study needs, and low enough that a slip of the hand
 * (`--workers 1e9`) is told at once, instead of taking all memory.
 */
export const LIMITS = {
  workers: 1024,
  /** Of a worker. */
  threads: 1024,
  dModel: 65_536,
  nLayers: 1024,
  nHeads: 65_536,
  dFf: 1_048_576,
  vocabSize: 16_777_216,
  contextLength: 32_768,
  batchSize: 1_048_576,
  /** Logits of a step, batchSize x contextLength x vocabSize: a training holds several tensors of that size at once. */
  logits: 2 ** 33,
  /** And factors of one. */
  learningRate: 1000,
  /** Draws of a bootstrap, starts of a search, simulated studies. */
  draws: 100_000,
} as const;

/** One token alone can't be predicted, or not. */
export const LEAST_VOCABULARY = 2;
/** A training computes in f32, where less than about 1e-38, also times the start of a warm-up, is 0. */
export const LEAST_LEARNING_RATE = 1e-30;
