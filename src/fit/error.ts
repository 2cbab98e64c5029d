/** The error of `src/fit`: rows or options that no number can be made of. */

/** Bad input to a fit. The message names the row or option, what is wrong with it and what to do. */
export class FitError extends Error {
  override readonly name = 'FitError';
}
