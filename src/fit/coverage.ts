/** How often 95% intervals hold the truth, by simulated studies; and how often a study of this design tells architectures apart. */
import type { Interval } from './interval.js';
import { bootstrapStudy } from './bootstrap.js';
import { buildStudy } from './cells.js';
import { budgetDifferences } from './differences.js';
import { FitError } from './error.js';
import { lawWithIntervals } from './frontier.js';
import { lawLackOfFit } from './lackOfFit.js';
import {
  type ArchTruth,
  type SimulatedDesign,
  simulateRows,
  trueOptimalLoss,
  trueSpeedup,
} from './simulate.js';
import { readingOf } from './reading.js';
import { speedupAtOptimalSize, verdictOf } from './factors.js';
import { frontierPoints } from './studyFit.js';
import { isBaseline } from './warnings.js';

/** Coverage of one kind of number. */
export interface Coverage {
  readonly quantity: 'exponent' | 'speedup' | 'speedup of 1' | 'difference at the largest budget';
  /** Intervals judged: studies times architectures or pairs, less those that gave none. */
  readonly nIntervals: number;
  /** Share of the numbers asked for that had an interval. */
  readonly available: number;
  /** Share of the intervals that hold the truth, and the standard error of that share (studies are the units). */
  readonly covered: number;
  readonly standardError: number;
  /** Mean of the point values minus the truth (of logarithms, for speedups). */
  readonly bias: number;
  /** Mean width (of logarithms, for speedups). */
  readonly width: number;
}

/** How often the headline of one pair came out how. */
export interface VerdictRate {
  readonly arch: string;
  readonly baseline: string;
  readonly trueFactor: number;
  readonly better: number;
  readonly worse: number;
  readonly notToldApart: number;
  readonly withoutInterval: number;
}

export interface CoverageReport {
  readonly design: string;
  readonly studies: number;
  readonly bootstraps: number;
  readonly seed: number;
  readonly nRuns: number;
  readonly coverage: readonly Coverage[];
  readonly verdicts: readonly VerdictRate[];
}

export interface CoverageOptions {
  /** Simulated studies; 500 unless given. */
  readonly studies?: number;
  readonly bootstraps?: number;
  readonly seed?: number;
  /** See `OWN_RESIDUALS_FROM` in bootstrap.ts. */
  readonly ownResidualsFrom?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Running tallies of one quantity. */
interface Tally {
  asked: number;
  judged: number;
  bias: number;
  width: number;
  /** Share covered in each study that judged any. */
  readonly shares: number[];
}

type Quantity = Coverage['quantity'];

const identity = (x: number): number => x;

/** Judges the intervals of one study and quantity. */
function judge(
  tally: Tally,
  entries: readonly { interval: Interval | null; truth: number }[],
  toScale: (x: number) => number,
): void {
  let judged = 0;
  let covered = 0;
  for (const { interval, truth } of entries) {
    tally.asked += 1;
    if (interval?.low == null || interval.high === null) continue;
    judged += 1;
    if (interval.low <= truth && truth <= interval.high) covered += 1;
    tally.bias += toScale(interval.value) - toScale(truth);
    tally.width += toScale(interval.high) - toScale(interval.low);
  }
  tally.judged += judged;
  if (judged > 0) tally.shares.push(covered / judged);
}

function toCoverage(quantity: Quantity, { asked, judged, bias, width, shares }: Tally): Coverage {
  const covered = shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
  const variance =
    shares.reduce((sum, share) => sum + (share - covered) ** 2, 0) / Math.max(1, shares.length - 1);
  return {
    quantity,
    nIntervals: judged,
    available: judged / Math.max(1, asked),
    covered,
    standardError: Math.sqrt(variance / Math.max(1, shares.length)),
    bias: bias / Math.max(1, judged),
    width: width / Math.max(1, judged),
  };
}

/** Simulates studies of a design, analyses each, and counts. */
export async function coverageOf(
  design: SimulatedDesign,
  options: CoverageOptions = {},
): Promise<CoverageReport> {
  const { studies = 500, bootstraps = 1000, seed = 0, ownResidualsFrom, onProgress } = options;
  if (!(Number.isInteger(studies) && studies > 0))
    throw new FitError(`The number of studies must be a whole number above 0, not ${studies}.`);
  // The last architecture is a copy of the first, so that a speedup of 1 is judged too.
  // In the order of their runs, which is the order of `Study.archs`.
  const ordered = [...new Set(design.runs.map((run) => run.arch))].map((name) =>
    design.archs.find(({ arch }) => arch === name)!,
  );
  const first = ordered[0];
  if (first === undefined) throw new FitError(`The design ${design.name} has no runs.`);
  const copy: ArchTruth = { ...first, arch: `copy of ${first.arch}` };
  const archs = [...ordered, copy];
  const withCopy: SimulatedDesign = {
    ...design,
    archs,
    runs: [
      ...design.runs,
      ...design.runs.flatMap((run) =>
        run.arch === first.arch
          ? [{ ...run, arch: copy.arch, trunk: run.trunk && `copy of ${run.trunk}` }]
          : [],
      ),
    ],
  };
  const tallies = new Map<Quantity, Tally>();
  const tallyOf = (quantity: Quantity): Tally => {
    const known = tallies.get(quantity) ?? { asked: 0, judged: 0, bias: 0, width: 0, shares: [] };
    tallies.set(quantity, known);
    return known;
  };
  const verdicts = new Map<string, { -readonly [K in keyof VerdictRate]: VerdictRate[K] }>();
  const pairs = archs.flatMap((arch, a) =>
    archs.flatMap((baseline, b) =>
      a !== b && isBaseline(baseline.arch, design.baselines) && arch.positions === baseline.positions
        ? [{ arch: a, baseline: b }]
        : [],
    ),
  );
  const largest = Math.max(...design.runs.map(({ budgetFlops }) => budgetFlops));

  for (let index = 0; index < studies; index++) {
    const study = buildStudy(simulateRows(withCopy, seed, index));
    const fit = bootstrapStudy(study, {
      bootstraps,
      seed: index,
      ...(ownResidualsFrom === undefined ? {} : { ownResidualsFrom }),
    });
    judge(
      tallyOf('exponent'),
      archs.map(({ k }, i) => ({
        interval:
          lawWithIntervals(fit, (draw) => frontierPoints(draw.vertices, study.archs[i]!.groups, 0))
            ?.exponent ?? null,
        truth: -k,
      })),
      identity,
    );
    const readings = study.archs.map(({ groups }) =>
      readingOf(lawLackOfFit(study, fit.point.vertices, groups)),
    );
    const headlines = pairs.map((pair) => {
      const headline = speedupAtOptimalSize({ study, fit, readings }, pair, 0);
      const [arch, baseline] = [archs[pair.arch]!, archs[pair.baseline]!];
      const truth = headline === null ? NaN : trueSpeedup(arch, baseline, headline.baselineCost);
      const key = `${arch.arch}\n${baseline.arch}`;
      const rate = verdicts.get(key) ?? {
        arch: arch.arch,
        baseline: baseline.arch,
        trueFactor: trueSpeedup(arch, baseline, largest),
        better: 0,
        worse: 0,
        notToldApart: 0,
        withoutInterval: 0,
      };
      const verdict = headline === null ? null : verdictOf(headline.factor);
      if (verdict === null) rate.withoutInterval += 1 / studies;
      else if (verdict === 'not told apart') rate.notToldApart += 1 / studies;
      else rate[verdict] += 1 / studies;
      verdicts.set(key, rate);
      return {
        interval: headline?.factor ?? null,
        truth,
        ofOne: arch.arch === copy.arch && baseline.arch === first.arch,
      };
    });
    judge(
      tallyOf('speedup'),
      headlines.filter(({ ofOne }) => !ofOne),
      Math.log,
    );
    judge(
      tallyOf('speedup of 1'),
      headlines.filter(({ ofOne }) => ofOne),
      Math.log,
    );
    judge(
      tallyOf('difference at the largest budget'),
      pairs.map((pair) => ({
        interval:
          budgetDifferences(study, fit, pair).find(({ budgetFlops }) => budgetFlops === largest)
            ?.differenceNats ?? null,
        truth: trueOptimalLoss(archs[pair.arch]!, largest) - trueOptimalLoss(archs[pair.baseline]!, largest),
      })),
      identity,
    );
    onProgress?.(index + 1, studies);
    // Lets a progress display draw, and Ctrl-C through.
    if (index % 5 === 0) await new Promise(setImmediate);
  }
  return {
    design: design.name,
    studies,
    bootstraps,
    seed,
    nRuns: design.runs.length,
    coverage: [...tallies].map(([quantity, tally]) => toCoverage(quantity, tally)),
    verdicts: [...verdicts.values()],
  };
}
