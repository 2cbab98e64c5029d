/** Values of repeatable command-line flags of the kind `--where dataset=c4`. */
import { UsageError } from '../store/errors.js';

/**
 * The values by name.
 *
 * @param known - the names there are; null where any will do
 * @throws UsageError for a text that is no pair, a name that is not known, or one that is given twice
 */
export function namedValues(
  flag: string,
  texts: readonly string[],
  known: readonly string[] | null,
): Record<string, string> {
  const values = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError(`${flag} needs NAME=VALUE, not "${text}".`);
    const [name, value] = [text.slice(0, at), text.slice(at + 1)];
    if (known !== null && !known.includes(name)) {
      throw new UsageError(`${flag} knows ${known.join(', ')}, not "${name}".`);
    }
    const before = values.get(name);
    if (before !== undefined) {
      throw new UsageError(`${flag} gives ${name} twice, as "${before}" and as "${value}"; give it once.`);
    }
    values.set(name, value);
  }
  return Object.fromEntries(values);
}
