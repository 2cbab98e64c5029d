/** A plan as people read it. */
import { countText, durationText, flopsText, tableText } from './format.js';
import { type PlanTotals, planTotals, type SweepPlan } from './plan.js';

/** The few lines that stand before a sweep's progress. */
export function planSummary(plan: SweepPlan, totals: PlanTotals = planTotals(plan)): string {
  const { sweep, path } = plan.loaded;
  const { workers, threads } = plan.setting;
  const labels = [...new Set(plan.runs.map((run) => run.architecture.label))];
  const basis = totals.measured
    ? 'from runs measured on this machine'
    : 'a guess, nothing was measured on this machine yet';
  const lines = [
    `${sweep.name}: ${sweep.title ?? path}`,
    `  ${totals.runs} runs of ${labels.join(', ')}`,
    `  ${totals.ended} done already, ${totals.runs - totals.ended} to do`,
    `  ${flopsText(totals.flops, 3)} FLOPs and ${countText(totals.tokens)} tokens in all` +
      (totals.ended > 0
        ? `, ${flopsText(totals.flopsToDo, 3)} and ${countText(totals.tokensToDo)} to do`
        : ''),
    `  ${workers} ${workers === 1 ? 'worker' : 'workers'} of ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
  ];
  if (totals.ended < totals.runs) lines.push(`  about ${durationText(totals.secondsToDo)} (${basis})`);
  return [...lines, ...plan.notices.map((notice) => `  note: ${notice}`)].join('\n');
}

/** Every run of a plan, a line each. */
export function planTable(plan: SweepPlan): string {
  return tableText(
    [
      'run',
      'architecture',
      'size',
      'budget',
      'seed',
      'rate',
      'params',
      'FLOPs',
      'tokens',
      'epochs',
      'steps',
      'status',
    ],
    plan.runs.map((run, i) => [
      run.runKey,
      run.architecture.label,
      run.sizeName,
      flopsText(run.budgetFlops),
      run.setup.seed,
      Number(run.setup.optimizer.learningRate.toPrecision(4)),
      countText(run.cost.paramsTotal),
      flopsText(run.flops, 4),
      countText(run.tokens),
      run.epochs.toFixed(2),
      run.setup.steps,
      plan.surveyed[i]!.status,
    ]),
  );
}

/** A plan as programs read it. */
export function planJson(plan: SweepPlan): Record<string, unknown> {
  const { measured, ...totals } = planTotals(plan);
  return {
    sweep: plan.loaded.sweep.name,
    file: plan.loaded.path,
    ...plan.setting,
    totals: { ...totals, predictedFrom: measured ? 'measured runs' : 'guess' },
    notices: plan.notices,
    runs: plan.runs.map((run, i) => ({
      runKey: run.runKey,
      arch: run.architecture.label,
      positions: run.architecture.positions,
      size: run.sizeName,
      dModel: run.setup.model.dModel,
      nLayers: run.setup.model.nLayers,
      budgetFlops: run.budgetFlops,
      seed: run.setup.seed,
      learningRate: run.setup.optimizer.learningRate,
      paramsTotal: run.cost.paramsTotal,
      paramsNonEmbedding: run.cost.paramsNonEmbedding,
      flops: run.flops,
      flopsMatmul: run.flopsMatmul,
      flopsByKind: run.cost.flopsByKind,
      tokens: run.tokens,
      epochs: run.epochs,
      steps: run.setup.steps,
      status: plan.surveyed[i]!.status,
    })),
  };
}
