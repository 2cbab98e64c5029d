/** A plan as people read it. */
import { renderTable } from '../store/tableText.js';
import { countText, durationText, flopsText } from './format.js';
import { type PlanTotals, planTotals, type SweepPlan } from './plan.js';

/** The few lines that stand before a sweep's progress. */
export function planSummary(plan: SweepPlan, totals: PlanTotals = planTotals(plan)): string {
  const { sweep, path } = plan.loaded;
  const { workers, threads } = plan.setting;
  const labels = [...new Set(plan.runs.map((run) => run.architecture.label))];
  const basis = totals.measured
    ? 'from runs measured on this machine'
    : 'a guess, nothing was measured on this machine yet';
  const toDo = totals.runs - totals.ended;
  const partly = toDo > 0 && totals.ended > 0;
  const lines = [
    `${sweep.name}: ${sweep.title ?? path}`,
    `  ${totals.runs} runs of ${labels.join(', ')}: ${totals.ended} done already, ${toDo} to do`,
    `  ${flopsText(totals.flops, 3)} FLOPs and ${countText(totals.tokens)} tokens in all` +
      (partly ? `, ${flopsText(totals.flopsToDo, 3)} and ${countText(totals.tokensToDo)} to do` : ''),
    `  ${workers} ${workers === 1 ? 'worker' : 'workers'} of ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
  ];
  if (totals.ended < totals.runs) lines.push(`  about ${durationText(totals.secondsToDo)} (${basis})`);
  return [...lines, ...plan.notices.map((notice) => `  note: ${notice}`)].join('\n');
}

/** Every run of a plan, a line each. */
export function planTable(plan: SweepPlan): string {
  const rows = plan.runs.map((run, i) => ({
    run: run.runKey,
    architecture: run.architecture.label,
    size: run.sizeName,
    budget: run.budgetFlops,
    seed: run.setup.seed,
    rate: run.setup.optimizer.learningRate,
    params: run.cost.paramsTotal,
    FLOPs: run.flops,
    tokens: run.tokens,
    epochs: Number(run.epochs.toFixed(3)),
    steps: run.setup.steps,
    status: plan.surveyed[i]!.status,
  }));
  return renderTable(
    { columns: Object.keys(rows[0]!), rows: rows.map((row) => Object.values(row)) },
    'table',
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
