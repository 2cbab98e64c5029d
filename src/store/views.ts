/** The views of the index: one line each for the questions that people ask. docs/database.md explains their columns. */

export interface View {
  readonly name: string;
  /** One sentence, as `isoloss query` without a question shows it. */
  readonly description: string;
  readonly select: string;
}

/** In an order in which they can be made: later ones read earlier ones. */
export const views: readonly View[] = [
  {
    name: 'runs_overview',
    description:
      'One row for each run of each sweep, those not started yet and imported ones included; a run that no sweep lists has ' +
      'a null sweep.',
    select: `
SELECT m.sweep, m.runKey, m.arch, m.positions, m.budgetFlops, m.dModel, m.nLayers, r.dFf, m.seed, r.learningRate,
  coalesce(r.status, 'planned') AS status, r.cause, r.steps, coalesce(r.stepsDone, 0) AS stepsDone,
  r.paramsNonEmbedding, r.tokens, r.epochs, r.flops,
  (SELECT t.lossNats FROM train_metrics t WHERE t.runId = r.runId ORDER BY t.step DESC LIMIT 1) AS trainLossNats,
  r.valLossNats, r.testLossNats, r.testBitsPerByte, r.trainSeconds,
  CASE WHEN r.trainSeconds > 0 THEN r.stepsDone * r.tokensPerStep / r.trainSeconds END AS tokensPerSecond,
  r.resumes, r.startedAt, r.finishedAt, r.directory, 0 AS imported
FROM sweep_runs m LEFT JOIN runs r USING (runKey)
UNION ALL
SELECT NULL, r.runKey, r.arch, r.positions, r.budgetFlops, r.dModel, r.nLayers, r.dFf, r.seed, r.learningRate,
  r.status, r.cause, r.steps, r.stepsDone, r.paramsNonEmbedding, r.tokens, r.epochs, r.flops,
  (SELECT t.lossNats FROM train_metrics t WHERE t.runId = r.runId ORDER BY t.step DESC LIMIT 1),
  r.valLossNats, r.testLossNats, r.testBitsPerByte, r.trainSeconds,
  CASE WHEN r.trainSeconds > 0 THEN r.stepsDone * r.tokensPerStep / r.trainSeconds END,
  r.resumes, r.startedAt, r.finishedAt, r.directory, 0
FROM runs r WHERE NOT EXISTS (SELECT 1 FROM sweep_runs m WHERE m.runKey = r.runKey)
UNION ALL
SELECT sweep, id, arch, positions, budgetFlops, dModel, nLayers, NULL, seed, NULL, 'done', NULL, steps, steps,
  params, tokens, NULL, flops, NULL, NULL, lossNats, NULL, secondsPerStep * steps, tokens / (secondsPerStep * steps),
  NULL, NULL, NULL, NULL, 1
FROM imported_runs WHERE sweep NOT IN (SELECT sweep FROM sweeps)`,
  },
  {
    name: 'fit_rows',
    description:
      'What a fit reads, one row for each run of each sweep, imported ones included, whatever its status (a fit uses ' +
      '`done` alone).',
    select: `
SELECT r.runKey AS id, m.sweep, m.arch, r.positions, r.seed, r.trunk, r.dModel, r.nLayers,
  r.paramsTotal, r.paramsNonEmbedding, r.paramsActive, r.tokens, r.steps, r.flops, r.flopsMatmul, m.budgetFlops,
  t.secondsPerStep, s.hardware, r.testLossNats AS lossNats, r.testBitsPerByte AS bitsPerByte, r.status
FROM sweep_runs m JOIN runs r USING (runKey)
LEFT JOIN timings t ON t.sweep = m.sweep AND t.arch = m.arch AND t.dModel = r.dModel AND t.nLayers = r.nLayers
  AND t.dFf = r.dFf AND t.batchSize = r.batchSize AND t.contextLength = r.contextLength AND t.vocabSize = r.vocabSize
LEFT JOIN timing_sets s ON s.sweep = t.sweep
UNION ALL
SELECT id, sweep, arch, positions, seed, trunk, coalesce(dModel, 0), coalesce(nLayers, 0), params, params, params, tokens,
  steps, flops, flopsMatmul, budgetFlops, secondsPerStep, hardware, lossNats, NULL, 'done'
FROM imported_runs WHERE sweep NOT IN (SELECT sweep FROM sweeps)`,
  },
  {
    name: 'cells',
    // Records of older versions may be of finished runs whose loss was not finite; those have diverged.
    description: 'Ended runs that differ in their seed alone, with the mean losses of the finished ones.',
    select: `
SELECT m.sweep, m.arch, r.positions, m.budgetFlops, r.dModel, r.nLayers, r.nHeads, r.dFf, r.learningRate,
  r.paramsNonEmbedding, r.flopsPerStep / r.tokensPerStep AS flopsPerToken, r.steps, r.tokens, r.flops,
  count(*) FILTER (WHERE r.status = 'done' AND r.valLossNats IS NOT NULL) AS seeds,
  count(*) FILTER (WHERE r.status = 'diverged' OR r.valLossNats IS NULL) AS diverged,
  avg(r.valLossNats) FILTER (WHERE r.status = 'done') AS valLossNats,
  avg(r.testLossNats) FILTER (WHERE r.status = 'done') AS testLossNats,
  avg(r.testBitsPerByte) FILTER (WHERE r.status = 'done') AS testBitsPerByte, r.cell
FROM sweep_runs m JOIN runs r USING (runKey)
WHERE r.status IN ('done', 'diverged')
GROUP BY m.sweep, m.arch, m.budgetFlops, r.cell`,
  },
  {
    name: 'best_per_budget',
    description:
      'For each architecture and budget the cell with the lowest mean validation loss, its test loss beside it; cells ' +
      'with a diverged run are left out.',
    select: `
WITH ranked AS (
  SELECT *, row_number() OVER (PARTITION BY sweep, arch, budgetFlops ORDER BY valLossNats, flopsPerToken) AS place,
    count(*) OVER same AS cells,
    min(flopsPerToken) OVER same AS smallest, max(flopsPerToken) OVER same AS largest
  FROM cells WHERE diverged = 0
  WINDOW same AS (PARTITION BY sweep, arch, budgetFlops)
)
SELECT sweep, arch, positions, budgetFlops, dModel, nLayers, nHeads, dFf, learningRate, paramsNonEmbedding,
  flopsPerToken, steps, tokens, flops, seeds, valLossNats, testLossNats, testBitsPerByte, cells,
  CASE WHEN smallest = largest THEN 'only' WHEN flopsPerToken = smallest THEN 'smallest'
    WHEN flopsPerToken = largest THEN 'largest' END AS edge,
  steps < 200 AS fewSteps
FROM ranked WHERE place = 1`,
  },
  {
    name: 'frontier',
    description:
      'For each architecture the cells that no cheaper or equally dear cell of it beats in validation loss, cheapest first.',
    select: `
WITH passed AS (
  SELECT *, min(valLossNats) OVER (PARTITION BY sweep, arch ORDER BY flops, valLossNats
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bestBefore
  FROM cells WHERE diverged = 0
)
SELECT sweep, arch, positions, flops, budgetFlops, dModel, nLayers, dFf, learningRate, paramsNonEmbedding,
  flopsPerToken, tokens, steps, seeds, valLossNats, testLossNats, testBitsPerByte
FROM passed WHERE bestBefore IS NULL OR valLossNats < bestBefore
ORDER BY sweep, arch, flops`,
  },
  {
    name: 'learning_curves',
    description: 'Every training step of every run; ask for one run or one sweep, or there is much of it.',
    select: `
SELECT m.sweep, m.arch, r.positions, m.budgetFlops, r.dModel, r.nLayers, r.seed, r.learningRate, r.runKey,
  t.step, t.tokens, t.flops, t.lossNats, t.lr, t.gradNorm, t.wallSeconds
FROM sweep_runs m JOIN runs r USING (runKey) JOIN train_metrics t USING (runId)`,
  },
  {
    name: 'problems',
    description: 'Files that could not be read or do not agree, and copies of one run that differ.',
    select: `
SELECT path, problem FROM source_problems
UNION ALL
SELECT a.directory, format('%s holds the same run with another test loss (%.17g here, %.17g there); remove the one ' ||
  'that is wrong.', b.directory, a.testLossNats, b.testLossNats)
FROM run_copies a JOIN run_copies b ON a.runKey = b.runKey AND a.directory < b.directory
WHERE a.status = 'done' AND b.status = 'done' AND a.testLossNats IS NOT b.testLossNats
UNION ALL
SELECT sweep || '/imported.json', 'The folder holds a sweep too, so the imported runs do not count. Import them under another name.'
FROM imported_sets JOIN sweeps USING (sweep)`,
  },
];

/** The statement that makes a view, exactly as the database keeps it. */
export function viewSql(view: View): string {
  return `CREATE VIEW ${view.name} AS${view.select}`;
}
