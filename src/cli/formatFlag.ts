/** The flag --format, and --json for one of its values. */
import { UsageError } from '../store/errors.js';

/** What both say; undefined where neither is given. @throws UsageError where they say different things */
export function chosenFormat<Format extends string>(options: {
  readonly json?: true;
  readonly format?: Format;
}): Format | 'json' | undefined {
  const { json, format } = options;
  if (json !== true) return format;
  if (format !== undefined && format !== 'json')
    throw new UsageError(
      `--json stands for --format json, and --format says ${format}: leave one of them out.`,
    );
  return 'json';
}
