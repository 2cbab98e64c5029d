/** Bootstrap and jackknife of the parametric fit: every task is one set of row weights, so any thread gives the same result. */
import { fixedParameters, type ParametricProblem, type ParametricRow } from './parametric.js';
import type { PowerSumData, PowerSumParameters } from './powerSum.js';
import { bestStart, descend } from './powerSumFit.js';
import { randomStream } from './random.js';
import { median } from './statistics.js';

/** What a thread needs to do any task of a bootstrap. */
export interface DrawJob {
  readonly problem: ParametricProblem;
  /** Unit of each row, numbered from 0. */
  readonly unitOfRow: Int32Array;
  readonly nUnits: number;
  /** Parameters of the fit to all rows, where every draw starts. */
  readonly start: PowerSumParameters;
  readonly seed: number;
}

/** Draw `index` of the bootstrap over units, or the fit that leaves unit `index` out. */
export interface DrawTask {
  readonly kind: 'bootstrap' | 'jackknife';
  readonly index: number;
}

/** Numbers the units of the rows; a row without one is its own. */
export function numberUnits(rows: readonly ParametricRow[]): { unitOfRow: Int32Array; nUnits: number } {
  const units = new Map<string, number>();
  let next = 0;
  const unitOfRow = Int32Array.from(rows, ({ unit }) => {
    if (unit === undefined) return next++;
    const known = units.get(unit);
    if (known !== undefined) return known;
    units.set(unit, next);
    return next++;
  });
  return { unitOfRow, nUnits: next };
}

/** How often each unit counts in a task. */
function unitCounts({ nUnits, seed }: DrawJob, { kind, index }: DrawTask): Float64Array {
  if (kind === 'jackknife')
    return Float64Array.from({ length: nUnits }, (_, unit) => (unit === index ? 0 : 1));
  const counts = new Float64Array(nUnits);
  const random = randomStream(seed, index);
  for (let i = 0; i < nUnits; i++) counts[Math.floor(random.uniform() * nUnits)]! += 1;
  return counts;
}

/** The rows of a problem that count, with their weights. */
function weighted(data: PowerSumData, unitOfRow: Int32Array, counts: Float64Array): PowerSumData {
  const kept: number[] = [];
  unitOfRow.forEach((unit, row) => {
    if (counts[unit]! > 0) kept.push(row);
  });
  const pick = (values: Float64Array): Float64Array => Float64Array.from(kept, (row) => values[row]!);
  return {
    logX: data.logX.map(pick),
    scales: data.scales,
    loss: pick(data.loss),
    logLoss: pick(data.logLoss),
    weight: Float64Array.from(kept, (row) => data.weight[row]! * counts[unitOfRow[row]!]!),
  };
}

/** Starts weighed beside the fit to all rows, for draws whose minimum lies elsewhere. */
const COARSE_STARTS = 25;

/** Parameters of one task's fit. */
export function runDraw(job: DrawJob, task: DrawTask): PowerSumParameters {
  const { problem, start } = job;
  const { objective, delta } = problem.spec;
  const fixed = fixedParameters(problem);
  const data = weighted(problem.data, job.unitOfRow, unitCounts(job, task));
  const free = Array.from(start, (_, k) => !fixed.has(k));
  const typicalLoss = median(data.loss);
  const from = (parameters: PowerSumParameters) =>
    descend(data, parameters, { kind: objective, delta, free }, typicalLoss);
  const warm = from(start);
  if (task.kind === 'jackknife') return warm.parameters;
  const cold = from(bestStart(data, { objective, delta, starts: COARSE_STARTS, fixed }));
  return cold.objective < warm.objective * (1 - 1e-9) ? cold.parameters : warm.parameters;
}
