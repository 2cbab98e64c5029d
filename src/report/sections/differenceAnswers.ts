/** What a sweep without speedups at optimal size says: in a sentence, which changes to a baseline help and which hurt. */
import type { ReportContext } from '../context.js';
import { equalLossText, type DifferenceEntry, type DifferenceGroup } from '../differences.js';
import type { Answer } from '../document.js';
import { counted, formatFactor, formatFlops, formatLoss, listInWords } from '../format.js';
import { rich, strong, type Rich } from '../rich.js';
import { intervalText, signedNats } from '../text.js';
import { isBaseline } from '../../fit/warnings.js';

/** From so many variants on they are summed up in one sentence. */
const SUMMED_UP = 3;

/** The answers of a group: a sentence for each other baseline, and one for all variants together or one for each. */
export function differenceAnswers({ study }: ReportContext, group: DifferenceGroup): Answer[] {
  const entries = mainEntries(group.entries);
  const others = entries.filter(({ arch }) => isBaseline(arch, study.sweep.baselines));
  const variants = entries.filter((entry) => !others.includes(entry));
  const named = variants.length < SUMMED_UP ? variants : [];
  return [
    ...[...others, ...named].map((entry) => entryAnswer(group, entry)),
    ...(variants.length < SUMMED_UP ? [] : [summary(group, variants)]),
  ];
}

/** One entry for each architecture: that at the baseline's size, or that of its lowest loss. */
function mainEntries(entries: readonly DifferenceEntry[]): DifferenceEntry[] {
  const archs = [...new Set(entries.map(({ arch }) => arch))];
  return archs.map((arch) => {
    const own = entries.filter((entry) => entry.arch === arch);
    return own.find(({ isBaselineSize }) => isBaselineSize) ?? own[0]!;
  });
}

function entryAnswer(group: DifferenceGroup, entry: DifferenceEntry): Answer {
  const { baseline, positions, budgetFlops } = group;
  const { arch, basis, differenceNats, verdict } = entry;
  const size = Math.abs(differenceNats.value);
  const head =
    verdict === 'not told apart'
      ? `${arch} and ${baseline} are not told apart`
      : `${arch} ends ${formatLoss(size)} nats ${differenceNats.value < 0 ? 'below' : 'above'} ${baseline}`;
  const worth = worthText(group, entry);
  return {
    factor: factorOf(entry),
    tone: isToldApart(entry) ? 'decided' : 'undecided',
    sentence: rich`${strong(head)}: ${signedNats(differenceNats.value)} nats${intervalText(differenceNats, signedNats)} with ${formatFlops(budgetFlops)}, ${basis}, ${positions} positions${worth === null ? '' : `; ${worth}`}.`,
    further: null,
  };
}

/** Of the changes to a baseline: how many help, hurt or are not told apart, and the largest on either side. */
function summary(group: DifferenceGroup, variants: readonly DifferenceEntry[]): Answer {
  const { baseline, positions, budgetFlops } = group;
  const lower = variants.filter(({ verdict }) => verdict === 'better');
  const higher = variants.filter(({ verdict }) => verdict === 'worse');
  const unknown = variants.length - lower.length - higher.length;
  const parts = [
    ...(lower.length === 0 ? [] : [`${lower.length} ${lower.length === 1 ? 'lowers' : 'lower'} the loss`]),
    ...(higher.length === 0 ? [] : [`${higher.length} ${higher.length === 1 ? 'raises' : 'raise'} it`]),
    ...(unknown === 0 ? [] : [`${unknown} ${unknown === 1 ? 'is' : 'are'} not told apart from it`]),
  ];
  const text = listInWords(parts).replace(/^(\d+ raises?) it/, '$1 the loss');
  const [most, worst] = [lower[0], higher.at(-1)];
  const extremes: Rich[] = [
    ...(most === undefined ? [] : [rich` ${strong(most.arch)} gains most: ${extremeText(group, most)}.`]),
    ...(worst === undefined ? [] : [rich` ${strong(worst.arch)} costs most: ${extremeText(group, worst)}.`]),
  ];
  const largest = [most, worst]
    .filter((entry) => entry !== undefined)
    .sort((a, b) => Math.abs(b.differenceNats.value) - Math.abs(a.differenceNats.value))[0];
  return {
    factor: largest === undefined ? '\u2013' : factorOf(largest),
    tone: largest === undefined ? 'undecided' : 'decided',
    sentence: rich`${strong(`Of ${counted(variants.length, 'change')} to ${baseline}, ${text}`)}, with ${formatFlops(budgetFlops)} and ${positions} positions.${extremes.flat()}`,
    further: null,
  };
}

function isToldApart({ verdict }: DifferenceEntry): boolean {
  return verdict === 'better' || verdict === 'worse';
}

function extremeText(group: DifferenceGroup, entry: DifferenceEntry): string {
  const { differenceNats, basis } = entry;
  const worth = worthText(group, entry);
  return `${signedNats(differenceNats.value)} nats${intervalText(differenceNats, signedNats)}, ${basis}${worth === null ? '' : `; ${worth}`}`;
}

/** `transformer takes 1.45× (1.38 to 1.52) of that compute to the same loss`. */
function worthText({ baseline }: DifferenceGroup, { compute }: DifferenceEntry): string | null {
  const text = equalLossText(compute);
  if (text === null) return null;
  const amount = text.replace(/^> /, 'more than ').replace(/^< /, 'less than ');
  return `${baseline} itself reaches that loss, at that size, with ${amount} the compute`;
}

/** For a glance: the factor of compute, or the difference where there is none. */
function factorOf({ compute, differenceNats }: DifferenceEntry): string {
  if (compute === null) return signedNats(differenceNats.value);
  const { relation, bound, factor } = compute;
  return factor === null ? `${relation} ${formatFactor(bound ?? 1)}` : formatFactor(factor.value);
}
