/** What a comparison found, in the lines that a terminal shows: factor, interval, verdict, and what would be needed to tell more. */
import type { Analysis, BudgetDifference, Interval, Power, Speedup, Verdict } from '../fit/analysis.js';

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
  /** Why there is no factor, a sentence; null where there is one. */
  readonly reason: string | null;
}

/** The verdicts of variants over baselines, within families of positions. */
export function comparisonVerdicts(
  { speedup }: Analysis,
  variants: readonly string[],
  baselines: readonly string[],
): ComparisonVerdict[] {
  return variants.flatMap((arch) =>
    baselines.flatMap((baseline) => {
      const found = speedup.find((entry) => entry.arch === arch && entry.baseline === baseline);
      return found === undefined ? [] : [verdictOf(found)];
    }),
  );
}

function verdictOf({
  arch,
  baseline,
  positions,
  atOptimalSize,
  reason,
  power,
  atBudget,
}: Speedup): ComparisonVerdict {
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
    reason: headline === undefined ? (reason ?? 'There is no law to read a speedup from.') : null,
  };
}

const times = (value: number): string => `${Number(value.toPrecision(3))}×`;
const flops = (value: number): string => Number(value.toPrecision(3)).toExponential().replace('e+', 'e');
const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`;

/** A few lines for each verdict. */
export function verdictText(verdicts: readonly ComparisonVerdict[]): string {
  if (verdicts.length === 0) return 'No pair of architectures has enough finished runs to be compared.';
  return [...verdicts.map(linesOf), ...familyNote(verdicts)].join('\n\n');
}

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
    return [`${head}: no speedup. ${found.reason ?? ''}`, ...budgets].join('\n');
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
