/** A model that cannot be built as asked for. */
import type { ZodError } from 'zod';

/** The message says which architecture, what does not fit, and what would. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
}

/** What is wrong with an object that a user wrote, a line for each. */
export const problemsOf = (error: ZodError): string =>
  error.issues
    .map(({ path, message }) => `  ${path.length > 0 ? `${path.map(String).join('.')}: ` : ''}${message}`)
    .join('\n');
