/** `isoloss export runs`: one row a run, with what fits read and what the runs were trained with. */
import type { IndexOptions } from '../store/database.js';
import { UsageError } from '../store/errors.js';
import { query } from '../store/query.js';
import type { QueryAnswer } from '../store/query.js';

/** The columns of the fit row first, so that the file can be fitted and imported as it is. */
const SQL = `
SELECT f.*, r.preset, r.learningRate, r.optimizer, r.schedule, r.weightDecay, r.batchSize, r.contextLength, r.vocabSize,
  r.nHeads, r.dHead, r.dFf, r.corpus, r.tokensPerStep, r.epochs, r.stepsDone, r.valLossNats, r.valBitsPerByte,
  r.trainSeconds, r.cpuModel, r.threads, r.isolossVersion, r.startedAt, r.finishedAt, i.id IS NOT NULL AS imported
FROM fit_rows f LEFT JOIN runs r ON r.runKey = f.id LEFT JOIN imported_runs i ON i.sweep = f.sweep AND i.id = f.id
WHERE $sweep IS NULL OR f.sweep = $sweep
ORDER BY f.sweep, f.arch, f.budgetFlops, f.flops / f.tokens, f.seed, f.id`;

/**
 * The runs of a sweep, or of all of them, whatever their status (`status` says; only `done` ones have final losses).
 *
 * @throws UsageError where there is no such sweep, or no run
 */
export function exportRuns(
  resultsDir: string,
  sweep: string | undefined,
  options: IndexOptions = {},
): QueryAnswer {
  const answer = query(resultsDir, SQL, options, { sweep: sweep ?? null });
  if (answer.table.rows.length > 0) return answer;
  const known = query(resultsDir, 'SELECT DISTINCT sweep FROM fit_rows ORDER BY sweep', options).table.rows;
  const names = known.map((row) => String(row[0])).join(', ') || 'none';
  throw new UsageError(
    `There is no run${sweep === undefined ? '' : ` of a sweep ${sweep}`}. Sweeps with runs: ${names}.`,
  );
}
