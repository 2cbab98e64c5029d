/** The sweeps of the results in numbers: how many runs stand where, and what is left to do. */
import type { ServedIndex } from '../servedIndex.js';
import type { LiveSweep, StatusCounts } from './messages.js';

/** What the run directories say beyond the index. */
export interface Underway {
  /** Runs that the index takes for running, and nobody works on. */
  readonly orphans: readonly string[];
  readonly running: readonly {
    readonly runKey: string;
    readonly step: number;
    readonly steps: number;
    readonly flopsPerStep: number;
    readonly tokensPerStep: number;
    readonly tokensPerSecond: number;
  }[];
}

interface StatusRow {
  readonly sweep: string;
  readonly title: string | null;
  readonly imported: number;
  readonly status: keyof StatusCounts | null;
  readonly runs: number;
  readonly flops: number;
  readonly flopsDone: number;
}

/**
 * FLOPs of runs that have not been started are their budget, which they spend to within a step; those of runs that won't go
 * on are what they have spent.
 */
const COUNTS = `
SELECT s.sweep, s.title, 0 AS imported, coalesce(r.status, 'planned') AS status, count(m.runKey) AS runs,
  total(CASE WHEN r.status IN ('diverged', 'failed') THEN r.flopsPerStep * r.stepsDone
    ELSE coalesce(r.flops, m.budgetFlops) END) AS flops,
  total(CASE WHEN r.status = 'done' THEN r.flops ELSE r.flopsPerStep * r.stepsDone END) AS flopsDone
FROM sweeps s LEFT JOIN sweep_runs m USING (sweep) LEFT JOIN runs r USING (runKey)
GROUP BY s.sweep, 4
UNION ALL
SELECT s.sweep, s.title, 1, 'done', count(i.id), total(i.flops), total(i.flops)
FROM imported_sets s LEFT JOIN imported_runs i USING (sweep) WHERE s.sweep NOT IN (SELECT sweep FROM sweeps)
GROUP BY s.sweep
ORDER BY sweep`;

export function readSweeps(index: ServedIndex, { orphans, running }: Underway): LiveSweep[] {
  const members = index.rows<{ sweep: string; runKey: string; stepsDone: number }>(
    `SELECT m.sweep, m.runKey, r.stepsDone FROM sweep_runs m JOIN runs r USING (runKey) WHERE r.status = 'running'`,
  );
  const grouped = new Map<string, StatusRow[]>();
  for (const row of index.rows<StatusRow>(COUNTS)) {
    grouped.set(row.sweep, [...(grouped.get(row.sweep) ?? []), row]);
  }
  return [...grouped].map(([sweep, rows]) => {
    const own = members.filter((member) => member.sweep === sweep);
    const counts = { planned: 0, running: 0, interrupted: 0, done: 0, diverged: 0, failed: 0 };
    for (const { status, runs } of rows) if (status !== null) counts[status] += runs;
    const orphaned = own.filter(({ runKey }) => orphans.includes(runKey)).length;
    counts.running -= orphaned;
    counts.interrupted += orphaned;
    let flopsDone = rows.reduce((sum, row) => sum + row.flopsDone, 0);
    let flopsPerSecond = 0;
    let tokensPerSecond = 0;
    for (const run of running) {
      const member = own.find(({ runKey }) => runKey === run.runKey);
      if (member === undefined) continue;
      flopsDone += (run.step - member.stepsDone) * run.flopsPerStep;
      tokensPerSecond += run.tokensPerSecond;
      flopsPerSecond += (run.tokensPerSecond * run.flopsPerStep) / run.tokensPerStep;
    }
    const flops = rows.reduce((sum, row) => sum + row.flops, 0);
    return {
      sweep,
      title: rows[0]!.title,
      imported: rows[0]!.imported === 1,
      runs: rows.reduce((sum, row) => sum + row.runs, 0),
      counts,
      flops,
      flopsDone,
      tokensPerSecond,
      secondsLeft: flopsPerSecond > 0 ? (flops - flopsDone) / flopsPerSecond : null,
    };
  });
}
