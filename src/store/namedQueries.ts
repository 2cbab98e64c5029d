/**
 * Named questions: what people ask most, as SQL that can be read, copied and changed. docs/database.md lists them. What is
 * all of a view (`frontier`, `problems`) needs no query: the view's name is one.
 */

export interface NamedQuery {
  /** Differs from the names of views and tables, which may be asked in the same way. */
  readonly name: string;
  /** One sentence, as the list of queries shows it. */
  readonly description: string;
  /** `$sweep` is a sweep's name, or null for all of them. */
  readonly sql: string;
}

export const namedQueries: readonly NamedQuery[] = [
  {
    name: 'best-per-budget',
    description: 'The best size of each architecture at each budget: validation chooses, test is reported.',
    sql: `SELECT sweep, arch, budgetFlops, dModel, nLayers, learningRate, seeds, valLossNats, testLossNats, testBitsPerByte,
  edge, fewSteps
FROM best_per_budget WHERE $sweep IS NULL OR sweep = $sweep
ORDER BY sweep, budgetFlops, valLossNats`,
  },
  {
    name: 'learning-rates',
    description: 'Every learning rate tried at a size and budget, with the best one of each marked.',
    sql: `SELECT sweep, arch, budgetFlops, dModel, nLayers, learningRate, seeds, diverged, valLossNats,
  CASE WHEN valLossNats = min(valLossNats) FILTER (WHERE diverged = 0)
    OVER (PARTITION BY sweep, arch, budgetFlops, dModel, nLayers, dFf) AND diverged = 0 THEN 'best' END AS best
FROM cells WHERE $sweep IS NULL OR sweep = $sweep
ORDER BY sweep, arch, budgetFlops, dModel, nLayers, learningRate`,
  },
  {
    name: 'seed-noise',
    description: 'How far seeds of one cell lie apart: the standard deviation of their test losses.',
    sql: `SELECT m.sweep, m.arch, m.budgetFlops, r.dModel, r.nLayers, count(*) AS seeds, c.testLossNats,
  sqrt(sum((r.testLossNats - c.testLossNats) * (r.testLossNats - c.testLossNats)) / (count(*) - 1)) AS standardDeviation
FROM sweep_runs m JOIN runs r USING (runKey)
  JOIN cells c ON c.sweep = m.sweep AND c.arch = m.arch AND c.budgetFlops = m.budgetFlops AND c.cell = r.cell
WHERE r.status = 'done' AND ($sweep IS NULL OR m.sweep = $sweep)
GROUP BY m.sweep, m.arch, m.budgetFlops, r.cell HAVING count(*) > 1
ORDER BY m.sweep, m.arch, m.budgetFlops, r.dModel, r.nLayers`,
  },
  {
    name: 'slowest',
    description: 'The 20 runs that took longest, with their tokens a second.',
    sql: `SELECT sweep, arch, dModel, nLayers, budgetFlops, seed, trainSeconds, round(tokensPerSecond) AS tokensPerSecond, runKey
FROM runs_overview WHERE trainSeconds IS NOT NULL AND ($sweep IS NULL OR sweep = $sweep)
ORDER BY trainSeconds DESC LIMIT 20`,
  },
  {
    name: 'failed',
    description: 'Runs that failed, diverged or were interrupted, and why.',
    sql: `SELECT sweep, arch, dModel, nLayers, budgetFlops, seed, learningRate, status, stepsDone, steps, cause, runKey
FROM runs_overview WHERE status IN ('failed', 'diverged', 'interrupted') AND ($sweep IS NULL OR sweep = $sweep)
ORDER BY sweep, status, arch, budgetFlops`,
  },
  {
    name: 'progress',
    description: 'How many runs of each sweep stand where, and the FLOPs of those.',
    sql: `SELECT sweep, status, count(*) AS runs, sum(coalesce(flops, budgetFlops)) AS flops
FROM runs_overview WHERE $sweep IS NULL OR sweep = $sweep
GROUP BY sweep, status ORDER BY sweep, status`,
  },
  {
    name: 'cost',
    description:
      'What training costs: runs, FLOPs, tokens and hours, by sweep and architecture, every run counted as trained alone ' +
      '(sharing trunks spares a part, and a run in two sweeps counts in both).',
    sql: `SELECT sweep, arch, count(*) AS runs, sum(flops * stepsDone / steps) AS flops, sum(tokens * stepsDone / steps) AS tokens,
  sum(trainSeconds) / 3600.0 AS trainHours
FROM runs_overview WHERE stepsDone > 0 AND ($sweep IS NULL OR sweep = $sweep)
GROUP BY sweep, arch ORDER BY sweep, trainHours DESC`,
  },
];
