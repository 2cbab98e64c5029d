/** What several families of positions say of one comparison, in a sentence. */
import type { Speedup, SpeedupAtOptimalSize, SpeedupPoint, Verdict } from '../fit/comparison.js';
import { isSameBudget, RANGE_TOLERANCE } from '../fit/studyFit.js';
import type { Answer } from './document.js';
import type { Claim } from './families.js';
import { factorDigits, formatFactor, formatFlops, formatPowerOfTen, listInWords } from './format.js';
import { rich, strong } from './rich.js';
import { behindBound, factorText, headlineOf, intervalText, measuredRange, speedupText } from './text.js';

interface Measured {
  readonly comparison: Speedup;
  readonly at: SpeedupAtOptimalSize;
}

/** The families in which a comparison has a number. */
export function measuredIn({ entries }: Claim): Measured[] {
  return entries.flatMap((comparison) => {
    const at = headlineOf(comparison);
    return at === undefined ? [] : [{ comparison, at }];
  });
}

/** The answer of a comparison that has a number in two families or more. */
export function claimAnswer(claim: Claim): Answer {
  const measured = measuredIn(claim);
  const verdicts = measured.map(({ at }) => at.verdict);
  const isReadAtOne = new Set(measured.map(readAt)).size === 1;
  const parts = measured.map((entry, i) => {
    const common = commonReading(claim, entry.comparison);
    const beside =
      common === null
        ? ''
        : ` (${formatFactor(common.factor.value)} at ${formatFlops(common.budgetFlops)}, which all reached)`;
    return familyPart(claim, entry, i === 0) + (isReadAtOne ? '' : ` at ${readAt(entry)}${beside}`);
  });
  const where = isReadAtOne
    ? `at optimal size${rangeText(measured)}`
    : 'each at optimal size, at the loss that its baseline has with the compute named';
  const without = claim.entries
    .filter((entry) => headlineOf(entry) === undefined)
    .map((entry) => entry.positions);
  const missing = without.length === 0 ? '' : ` No number with ${listInWords(without)} positions.`;
  return {
    factor: factorRange(measured),
    tone: decides(verdicts) ? 'decided' : 'undecided',
    sentence: rich`${strong(headOf(claim, verdicts))}: ${parts.join('; ')}; ${where}.${missing}`,
    further: furtherOf(measured),
  };
}

/** A factor at a budget of the baseline, its largest or a smaller one. */
export type BudgetReading = SpeedupPoint & { readonly budgetFlops: number };

/** Factors at the budgets of the baseline up to that of the headline, by rising budget. */
export function budgetReadings(comparison: Speedup): BudgetReading[] {
  const most = headlineOf(comparison)?.baselineCost ?? 0;
  return comparison.curve.flatMap((point) => {
    const { budgetFlops } = point;
    return budgetFlops === null || Math.log(point.baselineFlops / most) > RANGE_TOLERANCE
      ? []
      : [{ ...point, budgetFlops }];
  });
}

/** The reading of the first list at the largest compute at which all of the lists have one. */
export function largestCommon(lists: readonly (readonly BudgetReading[])[]): BudgetReading | undefined {
  return lists[0]?.findLast(({ baselineFlops }) =>
    lists.every((readings) => readings.some((other) => isSameBudget(other.baselineFlops, baselineFlops))),
  );
}

/**
 * The factor of one family at the largest budget at which all of the claim's have one, where its own headline is read at
 * more compute: factors of different compute are not to be set against each other. Null where there is nothing to add.
 */
export function commonReading(claim: Claim, comparison: Speedup): BudgetReading | null {
  const families = measuredIn(claim).map((entry) => budgetReadings(entry.comparison));
  const common = largestCommon(families);
  const own = budgetReadings(comparison);
  if (families.length < 2 || common?.budgetFlops === own.at(-1)?.budgetFlops) return null;
  return (
    own.find(({ budgetFlops, extrapolated }) => budgetFlops === common?.budgetFlops && !extrapolated) ?? null
  );
}

/** The same verdict in two families and the opposite in none: what the rules of the numbers ask of a claim. */
function decides(verdicts: readonly (Verdict | null)[]): boolean {
  const count = (wanted: Verdict): number => verdicts.filter((verdict) => verdict === wanted).length;
  const [better, worse] = [count('better'), count('worse')];
  return (better >= 2 && worse === 0) || (worse >= 2 && better === 0);
}

function headOf({ arch, baseline }: Claim, verdicts: readonly (Verdict | null)[]): string {
  const all = verdicts.length;
  const better = verdicts.filter((verdict) => verdict === 'better').length;
  const worse = verdicts.filter((verdict) => verdict === 'worse').length;
  const families = (count: number): string =>
    count === all
      ? `in ${all === 2 ? 'both' : `all ${all}`} families of positions`
      : `in ${count} of ${all} families of positions`;
  if (better > 0 && worse > 0)
    return `Whether ${arch} saves training compute over ${baseline} depends on the positions`;
  if (better > 0) return `${arch} saves training compute over ${baseline} ${families(better)}`;
  if (worse > 0) return `${arch} needs more training compute than ${baseline} ${families(worse)}`;
  if (verdicts.every((verdict) => verdict === null)) return `${arch} over ${baseline}`;
  return `${arch} and ${baseline} are not told apart ${families(all)}`;
}

/** `1.41× (95% interval 1.39 to 1.44) with relative (t5-primer-ez over t5)`; the first one says what the interval is. */
function familyPart(claim: Claim, { comparison, at }: Measured, isFirst: boolean): string {
  const { arch, baseline, positions } = comparison;
  const own = (label: string): string => label.replace(`@${positions}`, '');
  const isNamedSo = own(arch) === claim.arch && own(baseline) === claim.baseline;
  const names = isNamedSo ? '' : ` (${arch} over ${baseline})`;
  if (at.relation !== '=') {
    const side = at.relation === '>' ? 'more than' : 'less than';
    return `${side} ${factorText(at).slice(2)} ${behindBound(at)} with ${positions} positions${names}`;
  }
  const outside = at.lowExtrapolated || at.highExtrapolated ? ', in part extrapolated' : '';
  const interval =
    at.factor.low === null || at.factor.high === null
      ? ' (no interval)'
      : isFirst
        ? `${intervalText(at.factor).slice(0, -1)}${outside})`
        : ` (${factorDigits(at.factor.low)} to ${factorDigits(at.factor.high)}${outside})`;
  return `${formatFactor(at.factor.value)}${interval} with ${positions} positions${names}`;
}

/** `1.04–1.98×`, `< 1.00–1.52×`; one number where all families give the same. */
function factorRange(measured: readonly Measured[]): string {
  const sorted = measured
    .map(({ at }) => ({ value: at.bound ?? at.factor.value, relation: at.relation }))
    .sort((a, b) => a.value - b.value);
  const [first, last] = [sorted[0]!, sorted.at(-1)!];
  const low = `${first.relation === '<' ? '< ' : ''}${factorDigits(first.value)}`;
  const high = `${last.relation === '>' ? '> ' : ''}${formatFactor(last.value)}`;
  return `${low}×` === high ? high : `${low}–${high}`;
}

/** Compute of the baseline at whose loss the factor is read: its largest budget, which families need not share. */
const readAt = ({ at }: Measured): string => formatFlops(at.baselineCost);

/** The compute over which every family measured the factor. */
function rangeText(measured: readonly Measured[]): string {
  const ranges = measured
    .map(({ comparison }) => measuredRange(comparison))
    .filter((range) => range !== null);
  const low = Math.max(...ranges.map(([from]) => from));
  const high = Math.min(...ranges.map(([, to]) => to));
  if (ranges.length < measured.length || low >= high) return '';
  return `, measured between ${formatPowerOfTen(low, 2)} and ${formatPowerOfTen(high, 2)} FLOPs`;
}

/** Seconds by family. */
function furtherOf(measured: readonly Measured[]): string | null {
  const seconds = measured.flatMap(({ comparison }) =>
    comparison.atOptimalSize
      .filter((at) => at.cost === 'seconds')
      .map((at) => `${speedupText(at)} ${comparison.positions}`),
  );
  return seconds.length === 0 ? null : `In seconds ${seconds.join(', ')}.`;
}
