/** The error of `src/data`: a corpus, tokenizer file or batch request that can't be used as it is. */

/** Something is wrong with the data or with what was asked of it. The message says what, where, and what to do. */
export class CorpusError extends Error {
  override readonly name: string = 'CorpusError';
}

/** The corpus may well exist, and is not on this machine. */
export class CorpusMissing extends CorpusError {
  override readonly name = 'CorpusMissing';
}
