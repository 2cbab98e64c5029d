/** Names on the command line, separated by commas. */
import { UsageError } from '../store/errors.js';

/** @throws UsageError where the flag is given and names nothing, or a name between commas is missing */
export function namesOf(flag: string, text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes(''))
    throw new UsageError(`${flag} takes names separated by commas, and one of "${text}" is empty.`);
  return names;
}
