/** Runs as people name them: by a run key, or as much of its beginning as no other run shares. */
import { UsageError } from './errors.js';
import { listRuns, listSweepFolders } from './runDirectory.js';

/** The beginning of a run key, at least 4 digits, or all of it. */
export const KEY_START = /^[0-9a-f]{4,16}$/;

/** Keys of all runs in a results folder, each once. */
export function allRunKeys(resultsDir: string): string[] {
  const keys = listSweepFolders(resultsDir).flatMap((sweep) =>
    listRuns(resultsDir, sweep).map(({ runKey }) => runKey),
  );
  return [...new Set(keys)];
}

/**
 * The one key that begins with a text.
 *
 * @param candidates the keys that are meant
 * @param hint what the error says after "there is no such run"
 * @throws UsageError where none fits, or more than one
 */
export function resolveRunKey(
  text: string,
  candidates: readonly string[],
  resultsDir: string,
  hint: string,
): string {
  const fitting = KEY_START.test(text) ? candidates.filter((key) => key.startsWith(text)) : [];
  if (fitting.length === 1) return fitting[0]!;
  throw new UsageError(
    fitting.length === 0
      ? `There is no run ${text} in ${resultsDir}. ${hint}`
      : `${text} fits ${fitting.length} runs: ${fitting.join(', ')}. Give more digits.`,
  );
}
