/** A plan as people read it. */
import { renderTable } from '../store/tableText.js';
import { bytesText, countText, durationText, flopsText } from './format.js';
import { gridText } from './gridText.js';
import { type PlanTotals, planTotals, type SweepPreview } from './plan.js';
import { memoryOfLargest, type PlanPrediction, type RunPrediction } from './predict.js';

/** The few lines that stand before a sweep's progress. */
export function planSummary(plan: SweepPreview, totals: PlanTotals = planTotals(plan)): string {
  const { sweep, path } = plan.loaded;
  const { workers, threads, measured } = plan.setting;
  const labels = [...new Set(plan.runs.map((run) => run.architecture.label))];
  const basis = {
    'ended runs': 'from runs that have ended on this machine',
    'quick measurement': 'from a quick measurement of this machine',
    guess: 'a guess, nothing was measured on this machine yet',
  }[totals.basis];
  const toDo = totals.runs - totals.ended;
  const partly = toDo > 0 && totals.ended > 0;
  const lines = [
    `${sweep.name}: ${sweep.title ?? path}`,
    `  ${totals.runs} runs of ${labels.join(', ')}: ${totals.ended} done already, ${toDo} to do`,
    `  ${flopsText(totals.flops, 3)} FLOPs and ${countText(totals.tokens)} tokens in all` +
      (partly ? `, ${flopsText(totals.flopsToDo, 3)} and ${countText(totals.tokensToDo)} to do` : ''),
    ...(totals.flopsShared > 0
      ? [
          `  ${flopsText(totals.flopsShared, 3)} of these FLOPs are spared: runs of equal rate and seed share a trunk up to where each cools down`,
        ]
      : []),
    `  ${workers} ${workers === 1 ? 'worker' : 'workers'} of ${threads} ${threads === 1 ? 'thread' : 'threads'}${measured ? ', the fastest of those measured on this machine' : ''}`,
  ];
  if (totals.ended < totals.runs) {
    const { bytes, ofBytes } = memoryOfLargest(plan);
    lines.push(
      `  about ${durationText(totals.secondsToDo)} (${basis})`,
      `  about ${bytesText(bytes)} of ${bytesText(ofBytes)} memory at most${bytes > ofBytes ? ': would not fit' : ''}`,
    );
  }
  if (plan.corpusMissing !== null) lines.push(...missingLines(plan));
  return [...lines, ...plan.notices.map((notice) => `  note: ${notice}`)].join('\n');
}

/** What a plan without its corpus can't know. */
function missingLines({ corpusMissing, loaded }: SweepPreview): string[] {
  const { corpusTokens } = loaded.sweep;
  const from =
    corpusTokens === undefined
      ? 'epochs are not known either (the sweep states no corpusTokens)'
      : `epochs are of the ${countText(corpusTokens)} training tokens that the sweep states`;
  return [
    `  note: ${corpusMissing!}`,
    `  note: without the corpus run keys are not known, nor what is done already; ${from}`,
  ];
}

/** Every run of a plan, a line each. */
export function planTable(plan: SweepPreview, prediction: PlanPrediction): string {
  const rows = plan.runs.map((run, i) => ({
    run: plan.corpus === null ? null : run.runKey,
    architecture: run.architecture.label,
    size: run.sizeName,
    budget: run.budgetFlops,
    seed: run.setup.seed,
    rate: run.setup.optimizer.learningRate,
    params: run.cost.paramsTotal,
    FLOPs: run.flops,
    tokens: run.tokens,
    epochs: Number.isNaN(run.epochs) ? null : Number(run.epochs.toFixed(3)),
    steps: run.setup.steps,
    time: durationText(prediction.runs[i]!.seconds),
    memory: `${bytesText(prediction.runs[i]!.memory.totalBytes)}${prediction.runs[i]!.fits ? '' : ' (too much)'}`,
    status: plan.surveyed[i]!.status,
  }));
  return renderTable(
    { columns: Object.keys(rows[0]!), rows: rows.map((row) => Object.values(row)) },
    'table',
  );
}

/** What the runs need of time and memory, and how that was come by. */
export function predictionText(plan: SweepPreview, prediction: PlanPrediction): string {
  const { device, basis, problems, workers, secondsToDo, memoryAtOnceBytes, memoryBytes } = prediction;
  const where = device === null ? 'this machine' : `one ${device.label}`;
  const lines = [
    `  FLOPs by kind: ${Object.entries(flopsByKind(plan))
      .map(([kind, flops]) => `${kind} ${flopsText(flops, 3)}`)
      .join(', ')}`,
    `  on ${where}, ${workers} at a time: ${secondsToDo === 0 ? 'nothing to do' : `about ${durationText(secondsToDo)}, ${bytesText(memoryAtOnceBytes)} of ${bytesText(memoryBytes)} memory`}`,
    ...basis.map((sentence) => `  ${sentence}`),
    ...problems.map((problem) => `  would not fit: ${problem}`),
  ];
  return lines.join('\n');
}

/** A picture of a plan's grid. */
export function planGrid(plan: SweepPreview): string {
  return gridText(
    plan.runs.map((run, i) => ({
      arch: run.architecture.label,
      size: run.sizeName,
      budgetFlops: run.budgetFlops,
      status: plan.surveyed[i]!.status,
    })),
  );
}

/** Training FLOPs of all runs by kind of operation, largest first. */
function flopsByKind(plan: SweepPreview): Record<string, number> {
  const sums = new Map<string, number>();
  for (const { cost, setup } of plan.runs) {
    for (const [kind, flops] of Object.entries(cost.flopsByKind)) {
      sums.set(kind, (sums.get(kind) ?? 0) + flops * setup.steps);
    }
  }
  return Object.fromEntries([...sums].sort(([, a], [, b]) => b - a));
}

/**
 * A plan as programs read it.
 *
 * @param prediction time and memory; left out where nothing is predicted
 */
export function planJson(plan: SweepPreview, prediction?: PlanPrediction): Record<string, unknown> {
  const { basis, ...totals } = planTotals(plan);
  const { setting } = plan;
  return {
    sweep: plan.loaded.sweep.name,
    file: plan.loaded.path,
    workers: setting.workers,
    threads: setting.threads,
    workersMeasured: setting.measured,
    engine: setting.engine,
    devices: setting.devices,
    deviceBytes: setting.deviceBytes,
    totals: { ...totals, predictedFrom: basis },
    corpusMissing: plan.corpusMissing,
    notices: plan.notices,
    flopsByKind: flopsByKind(plan),
    ...(prediction === undefined
      ? {}
      : {
          predicted: {
            on: prediction.device?.name ?? 'this machine',
            secondsToDo: prediction.secondsToDo,
            atOnce: prediction.workers,
            memoryBytes: prediction.memoryAtOnceBytes,
            memoryOfDeviceBytes: prediction.memoryBytes,
            basis: prediction.basis,
            wouldNotFit: prediction.problems,
          },
        }),
    runs: plan.runs.map((run, i) => ({
      runKey: plan.corpus === null ? null : run.runKey,
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
      epochs: Number.isNaN(run.epochs) ? null : run.epochs,
      steps: run.setup.steps,
      status: plan.surveyed[i]!.status,
      ...(prediction === undefined ? {} : predictionJson(prediction.runs[i]!)),
    })),
  };
}

function predictionJson({ seconds, secondsToDo, memory, fits }: RunPrediction): Record<string, unknown> {
  const { totalBytes, peakBytes, stateBytes } = memory;
  return {
    predictedSeconds: seconds,
    predictedSecondsToDo: secondsToDo,
    memoryBytes: totalBytes,
    memoryPeakBytes: peakBytes,
    memoryStateBytes: stateBytes,
    fits,
  };
}
