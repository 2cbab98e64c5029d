/** What a comparison found, in the lines that a terminal shows: factor, interval, verdict, and what would be needed to tell more. */
import type { Analysis, IsoflopFit } from '../fit/analysis.js';
import type { Interval } from '../fit/interval.js';
import type { BudgetDifference, PairedDifference, Power, Speedup, Verdict } from '../fit/comparison.js';

/** One architecture against one baseline. */
export interface ComparisonVerdict {
  readonly arch: string;
  readonly baseline: string;
  readonly positions: string | null;
  /** Baseline's training FLOPs over the architecture's at equal loss; null where there is no law, or one end is a bound. */
  readonly factor: Interval | null;
  readonly relation: '=' | '>' | '<' | null;
  readonly bound: number | null;
  readonly lossNats: number | null;
  readonly verdict: Verdict | null;
  readonly power: Power | null;
  /** Differences of loss at each budget, which need no law. */
  readonly atBudget: readonly BudgetDifference[];
  /** Differences of loss at equal size, at the largest budget that both were trained with; they need no optimum. */
  readonly sameSize: readonly PairedDifference[];
  /** What a law lacks: architectures and budgets without an accepted optimum, and why. Empty where there is a factor. */
  readonly missing: readonly string[];
  /** Why there is no factor, a sentence; null where there is one. */
  readonly reason: string | null;
}

/** The verdicts of variants over baselines, within families of positions. */
export function comparisonVerdicts(
  { speedup, isoflop }: Pick<Analysis, 'speedup' | 'isoflop'>,
  variants: readonly string[],
  baselines: readonly string[],
): ComparisonVerdict[] {
  return variants.flatMap((arch) =>
    baselines.flatMap((baseline) => {
      const found = speedup.find((entry) => entry.arch === arch && entry.baseline === baseline);
      return found === undefined ? [] : [verdictOf(found, isoflop)];
    }),
  );
}

function verdictOf(found: Speedup, isoflop: readonly IsoflopFit[]): ComparisonVerdict {
  const { arch, baseline, positions, atOptimalSize, reason, power, atBudget, sameSize } = found;
  const largest = Math.max(...sameSize.map(({ budgetFlops }) => budgetFlops));
  const headline = atOptimalSize.find(({ cost }) => cost === 'flops');
  return {
    arch,
    baseline,
    positions,
    factor: headline?.factor ?? null,
    relation: headline?.relation ?? null,
    bound: headline?.bound ?? null,
    lossNats: headline?.lossNats ?? null,
    verdict: headline?.verdict ?? null,
    power,
    atBudget,
    sameSize: sameSize.filter(({ budgetFlops }) => budgetFlops === largest),
    missing: headline === undefined ? [arch, baseline].flatMap((name) => missingOptima(name, isoflop)) : [],
    reason: headline === undefined ? (reason ?? 'There is no law to read a speedup from.') : null,
  };
}

/** Budgets of an architecture without an accepted optimum, one sentence for each reason. */
function missingOptima(arch: string, isoflop: readonly IsoflopFit[]): string[] {
  const refused = isoflop.filter((fit) => fit.arch === arch && !fit.accepted);
  return [...new Set(refused.map(({ reason }) => reason))].map((reason) => {
    const fits = refused.filter((fit) => fit.reason === reason);
    const budgets = fits.map(
      ({ budgetFlops, bestCell }) => `${flops(budgetFlops)} FLOPs (best size ${bestCell.size})`,
    );
    return `${arch} at ${budgets.join(', ')}: ${reason ?? 'no optimum was accepted.'}`;
  });
}

const times = (value: number): string => `${Number(value.toPrecision(3))}×`;
const flops = (value: number): string => Number(value.toPrecision(3)).toExponential().replace('e+', 'e');
const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`;

/** A few lines for each verdict. */
export function verdictText(verdicts: readonly ComparisonVerdict[]): string {
  if (verdicts.length === 0) return 'No pair of architectures has enough finished runs to be compared.';
  return [...verdicts.map(linesOf), ...sizesNote(verdicts), ...familyNote(verdicts)].join('\n\n');
}

/** What to do where optima are missing. */
const sizesNote = (verdicts: readonly ComparisonVerdict[]): string[] =>
  verdicts.some(({ missing }) => missing.length > 0)
    ? [
        'For a speedup take sizes on both sides of the best ones (--sizes, or --sweep FILE with sizes of its own); where the ' +
          'smallest size was best, larger budgets do as well.',
      ]
    : [];

/** A gain in one family of positions may be one of local order, which others have anyway (docs/numbers.md). */
function familyNote(verdicts: readonly ComparisonVerdict[]): string[] {
  const [only, ...others] = new Set(verdicts.map(({ positions }) => positions));
  const told = verdicts.some(({ verdict }) => verdict === 'better' || verdict === 'worse');
  if (only === undefined || only === null || others.length > 0 || !told) return [];
  const other = only === 'rotary' ? 'absolute' : 'rotary';
  return [
    `One family of positions only (${only}): a claim about the architecture needs a second one, such as ` +
      `--baselines ${verdicts[0]!.baseline.replace(/@.*/, '')}@${other}.`,
  ];
}

function linesOf(found: ComparisonVerdict): string {
  const { arch, baseline, positions, factor, relation, bound, lossNats, verdict, atBudget } = found;
  const head = `${arch} over ${baseline} (${positions ?? ''} positions)`;
  const budgets = atBudget.map(({ budgetFlops, differenceNats, verdict: told }) => {
    const { value, low, high } = differenceNats;
    const interval = low === null || high === null ? '' : ` [${signed(low)}, ${signed(high)}]`;
    return `  at ${flops(budgetFlops)} FLOPs ${signed(value)} nats${interval}${told === null ? '' : `: ${told}`}`;
  });
  if (factor === null || relation === null) {
    return [`${head}: no speedup. ${found.reason ?? ''}`, ...budgets, ...withoutLaw(found)].join('\n');
  }
  const interval =
    factor.low === null || factor.high === null ? '' : ` [${times(factor.low)}, ${times(factor.high)}]`;
  const size = relation === '=' ? `${times(factor.value)}${interval}` : `${relation} ${times(bound!)}`;
  const outside = relation === '=' ? '' : ` (extrapolated: ${times(factor.value)}${interval})`;
  const lines = [
    `${head}: ${size}${outside}, ${verdict ?? 'no verdict'}`,
    `  the baseline's training compute over the architecture's for a loss of ${lossNats!.toFixed(3)} nats, each at its best size`,
    ...budgets,
  ];
  return [...lines, ...needsOf(verdict, found.power)].join('\n');
}

/** What can be said without a law, and what a law would take. */
function withoutLaw({ sameSize, missing }: ComparisonVerdict): string[] {
  const equal = sameSize.map(({ budgetFlops, size, differenceNats, verdict }) => {
    const { value, low, high } = differenceNats;
    const interval =
      low === null || high === null ? ' (one seed, no interval)' : ` [${signed(low)}, ${signed(high)}]`;
    return `  at ${flops(budgetFlops)} FLOPs, both at size ${size}: ${signed(value)} nats${interval}${verdict === null ? '' : `: ${verdict}`}`;
  });
  if (missing.length === 0) return equal;
  return [
    ...equal,
    '  a speedup is read at optimal sizes, which at least 2 budgets need to have:',
    ...missing.map((sentence) => `    ${sentence}`),
  ];
}

/** What more compute would be needed to tell the two apart. */
function needsOf(verdict: Verdict | null, power: Power | null): string[] {
  if (verdict === null)
    return ['  there is no interval, since no seed is repeated: repeat seeds at the best sizes'];
  if (verdict !== 'not told apart') return [];
  if (power === null) return ['  more seeds at the best sizes, or larger budgets, would be needed to tell'];
  const seeds =
    power.seedsMultiple === null
      ? 'no number of seeds tells a factor of 1 from none'
      : `to tell this factor from none (with a chance of 80%) takes ${Number(power.seedsMultiple.toPrecision(2))} times the seeds, and so the compute, at every size`;
  return [`  ${seeds}; this study would have told a factor of ${times(power.detectableFactor)}`];
}
