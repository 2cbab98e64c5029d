/** The seeded bootstrap over seeds: what is drawn again, and the intervals that come of it. */
import type { Interval } from './analysis.js';
import type { Study } from './cells.js';
import { randomStream } from './random.js';
import { quantileSorted } from './statistics.js';
import { fitStudy, type StudyFit } from './studyFit.js';

/** Share of draws that may give no value before an interval is withheld. */
const MAX_MISSING = 0.1;

/** A fit and the same fit on resampled losses; no draws where no seed is repeated. */
export interface BootstrappedFit {
  readonly point: StudyFit;
  readonly draws: readonly StudyFit[];
}

/** What is random in a draw, worked out once. */
interface Plan {
  /** Number of independent random slots, and the slot of each row. */
  readonly nSlots: number;
  readonly slotOfRow: Int32Array;
  /** Rows of each cell, by rising seed. */
  readonly rowsOfCell: readonly (readonly number[])[];
}

/**
 * A slot is one trunk seen across architectures: runs of the same size, budget and seed are one draw whatever their
 * architecture, and so are the budgets branched off one trunk. Slots are numbered by sorted key, so the draws do not
 * depend on the order of the rows.
 */
function planDraws(study: Study): Plan {
  const trunkSize = new Map<string, number>();
  for (const row of study.rows) trunkSize.set(row.trunk, (trunkSize.get(row.trunk) ?? 0) + 1);
  const keys = study.rows.map((row, i) => {
    const branched = trunkSize.get(row.trunk)! > 1;
    const size = study.cells[study.cellOfRow[i]!]!.size;
    return JSON.stringify([size, branched ? 'trunk' : row.budgetFlops, row.seed]);
  });
  const slots = new Map([...new Set(keys)].sort().map((key, i) => [key, i]));
  const rowsOfCell: number[][] = study.cells.map(() => []);
  study.cellOfRow.forEach((cell, row) => rowsOfCell[cell]!.push(row));
  for (const members of rowsOfCell) members.sort((a, b) => study.rows[a]!.seed - study.rows[b]!.seed);
  return { nSlots: slots.size, slotOfRow: Int32Array.from(keys, (key) => slots.get(key)!), rowsOfCell };
}

/**
 * Losses of draw number `draw`. A cell with n >= 2 seeds draws n of its residuals, scaled by sqrt(n / (n - 1)), with
 * replacement; a cell with one seed draws from a normal with the pooled seed standard deviation.
 */
function drawLosses(study: Study, plan: Plan, noise: number, seed: number, draw: number): Float64Array {
  const random = randomStream(seed, draw);
  const uniform = new Float64Array(plan.nSlots);
  const normal = new Float64Array(plan.nSlots);
  for (let slot = 0; slot < plan.nSlots; slot++) {
    uniform[slot] = random.uniform();
    normal[slot] = random.normal();
  }
  const losses = new Float64Array(study.losses.length);
  plan.rowsOfCell.forEach((members, cell) => {
    const mean = study.cells[cell]!.lossNats;
    const n = members.length;
    for (const row of members) {
      const slot = plan.slotOfRow[row]!;
      if (n === 1) {
        losses[row] = mean + noise * normal[slot]!;
      } else {
        const picked = members[Math.floor(uniform[slot]! * n)]!;
        losses[row] = mean + Math.sqrt(n / (n - 1)) * (study.losses[picked]! - mean);
      }
    }
  });
  return losses;
}

/** Fits the study, and again on `bootstraps` resampled sets of losses where a seed is repeated somewhere. */
export function bootstrapStudy(study: Study, bootstraps: number, seed: number): BootstrappedFit {
  const point = fitStudy(study, study.losses);
  if (study.seedNoise === null) return { point, draws: [] };
  const plan = planDraws(study);
  const noise = study.seedNoise.standardDeviation;
  const draws = Array.from({ length: bootstraps }, (_, draw) =>
    fitStudy(study, drawLosses(study, plan, noise, seed, draw)),
  );
  return { point, draws };
}

/** The 2.5% and 97.5% quantiles of the values drawn; nulls where there are too few of them. */
export function percentileInterval(value: number, drawn: readonly (number | null)[]): Interval {
  const valid = drawn.filter((v): v is number => v !== null && Number.isFinite(v));
  if (drawn.length === 0 || valid.length < drawn.length * (1 - MAX_MISSING)) {
    return { value, low: null, high: null, level: 0.95 };
  }
  const sorted = Float64Array.from(valid).sort();
  return { value, low: quantileSorted(sorted, 0.025), high: quantileSorted(sorted, 0.975), level: 0.95 };
}

/** A number that follows from a fit, with its interval; null where the fit itself does not give it. */
export function intervalOf(fit: BootstrappedFit, derive: (fit: StudyFit) => number | null): Interval | null {
  const value = derive(fit.point);
  if (value === null || !Number.isFinite(value)) return null;
  return percentileInterval(value, fit.draws.map(derive));
}
