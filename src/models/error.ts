/** A model that cannot be built as asked for. */

/** The message says which architecture, what does not fit, and what would. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
}
