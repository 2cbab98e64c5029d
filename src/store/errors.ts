/** Errors that a user can mend: the command line prints their message alone and exits with 2. */

/** Wrong usage or input. The message says what is wrong, where, and what to do about it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
