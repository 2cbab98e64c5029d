/** A model that cannot be built as asked for. */
import type { ZodError } from 'zod';
import { didYouMean } from '../ops/nearest.js';

/** The message says which architecture, what does not fit, and what would. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
}

type Issue = ZodError['issues'][number];

/** Keys that something has not got, each with the one that was perhaps meant. */
const unknownKeys = ({ keys }: { readonly keys: readonly string[] }, known: readonly string[]): string =>
  keys
    .map((key) => `there is no "${key}".${didYouMean(key, known)} There are ${known.join(', ')}`)
    .join('; ');

function messageOf(issue: Issue, knownKeys: (path: readonly PropertyKey[]) => readonly string[]): string {
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path);
    return known.length === 0 ? issue.message : unknownKeys(issue, known);
  }
  if (issue.code === 'invalid_union') {
    return issue.errors
      .flat()
      .map(({ message }) => message)
      .join(', or ');
  }
  return issue.message;
}

/**
 * What is wrong with an object that a user wrote, a line for each.
 * @param naming how a place in the object is called
 * @param knownKeys what there is at a place, for keys that there are not
 */
export const problemsOf = (
  error: ZodError,
  naming: (path: readonly PropertyKey[]) => string = (path) => path.map(String).join('.'),
  knownKeys: (path: readonly PropertyKey[]) => readonly string[] = () => [],
): string =>
  error.issues
    .map(
      (issue) => `  ${issue.path.length > 0 ? `${naming(issue.path)}: ` : ''}${messageOf(issue, knownKeys)}`,
    )
    .join('\n');
