/** The answer: a sentence for each comparison, one picture, and the control in other families beside it. */
import type { Speedup } from '../../fit/comparison.js';
import { leavesOutZero } from '../../fit/interval.js';
import { controlChart, controlsOf, type Control, type ControlEntry } from '../charts/control.js';
import { differenceCharts } from '../charts/differences.js';
import { familiesChart, headlineChart } from '../charts/headline.js';
import { tuningChart } from '../charts/tuning.js';
import { claimAnswer, measuredIn } from '../claims.js';
import type { ReportContext } from '../context.js';
import { differenceGroups, type DifferenceGroup } from '../differences.js';
import { chartBlock, type Answer, type Block, type Section } from '../document.js';
import { formatFlops, listInWords } from '../format.js';
import { isTuningSweep } from '../resolved.js';
import { rich, strong, type Rich } from '../rich.js';
import { differenceAnswers } from './differenceAnswers.js';
import {
  answerSentence,
  factorText,
  furtherCosts,
  headlineOf,
  intervalText,
  noIntervalReason,
  signedNats,
} from '../text.js';

export function answerSection(context: ReportContext): Section {
  if (isTuningSweep(context.study)) return tunedRates(context);
  const { claims, families } = context;
  const main = families[0];
  const controls = controlsOf(context);
  const groups = differenceGroups(context);
  const isGrouped = (c: Speedup): boolean =>
    headlineOf(c) === undefined &&
    groups.some(
      ({ positions, entries }) => positions === c.positions && entries.some(({ arch }) => arch === c.arch),
    );
  const inFamilies = claims.filter((claim) => measuredIn(claim).length > 1);
  const answers = [
    ...inFamilies.map((claim) => claimAnswer(claim)),
    ...claims
      .filter((claim) => !inFamilies.includes(claim))
      .flatMap((claim) => claim.entries)
      .filter((c) => (c.positions === main || headlineOf(c) !== undefined) && !isGrouped(c))
      .map((c) => comparisonAnswer(context, c)),
    ...groups.flatMap((group) => differenceAnswers(context, group)),
    ...controls.flatMap(controlAnswers),
  ];
  const isSummed = inFamilies.length > 0;
  const charts = [
    isSummed ? familiesChart(context) : main === undefined ? null : headlineChart(context, main),
    ...differenceCharts(groups),
    controlChart(context, controls),
    ...(isSummed ? [] : families.slice(1).map((family) => headlineChart(context, family))),
  ];
  // One sentence and its picture first; what else was compared comes after both.
  const [first, ...others] = answers.length > MOST_BEFORE_PICTURE ? answers : [];
  const blocks: Block[] = [];
  if (first !== undefined) blocks.push({ kind: 'answers', answers: [first] });
  else if (answers.length > 0) blocks.push({ kind: 'answers', answers });
  else blocks.push({ kind: 'prose', text: nothingToCompare(context) });
  blocks.push(...charts.flatMap(chartBlock));
  if (others.length > 0)
    blocks.push({ kind: 'heading', text: 'The other comparisons' }, { kind: 'answers', answers: others });
  if (isSummed) blocks.push({ kind: 'prose', text: WHAT_FAMILIES_SAY });
  else if (answers.length > 0) blocks.push(...familyNote(context, controls));
  if (groups.length > 0) blocks.push({ kind: 'prose', text: whatDifferencesSay(groups) });
  blocks.push(...secondsNote(context));
  return { id: 'answer', title: 'Answer', blocks };
}

/** With more answers than this the picture would be out of sight. */
const MOST_BEFORE_PICTURE = 3;

/** A convolution's gain may be the positions' doing, so a difference between families is itself a finding. */
const WHAT_FAMILIES_SAY = rich`${strong('What the families say.')} A part that gives a model the local order of its tokens, such as a convolution on queries, keys and values, has less to add where relative or rotary positions give it that order anyway. So a factor that is smaller with those may be the positions' doing; no family tells it by itself. Families are never one frontier: each factor is over the baseline of its own family.`;

/** A difference of loss is what it is, and no more. */
function whatDifferencesSay(groups: readonly DifferenceGroup[]): Rich {
  const atOneSize = groups.some(({ entries }) => entries.some(({ size }) => size !== null));
  const rest = atOneSize
    ? ' It needs no fit, and holds at the size and the learning rate it was read at: a change that moves the best of either looks worse here than it is.'
    : '';
  return rich`${strong('No speedup at optimal size')} can be read here: that takes two budgets with an accepted minimum, each of three sizes or more. What is compared is the loss at equal compute.${rest} Of many comparisons without any difference about one in twenty is told apart by chance.`;
}

/** A sweep that tunes answers another question: which rates are best. */
function tunedRates(context: ReportContext): Section {
  const chart = tuningChart(context);
  const text =
    chart === null
      ? rich`No trial of this tuning sweep has ended well yet.`
      : rich`This sweep tunes: each architecture and size is trained at several learning rates, and the one with the lowest validation loss is kept. Architectures are not compared here.`;
  return {
    id: 'answer',
    title: 'Tuned learning rates',
    blocks: [{ kind: 'prose', text }, ...chartBlock(chart)],
  };
}

/** One comparison in one family. */
export function comparisonAnswer({ analysis }: ReportContext, comparison: Speedup): Answer {
  const at = headlineOf(comparison);
  const decided = at?.verdict === 'better' || at?.verdict === 'worse';
  const isRejected = analysis.parallel.some(
    (test) => test.positions === comparison.positions && test.rejected === true,
  );
  const isApart = leavesOutZero(comparison.exponentDifference);
  const notParallel = comparison.reading === 'optima' || isRejected || isApart;
  return {
    factor: at === undefined ? '–' : factorText(at),
    tone: decided ? 'decided' : 'undecided',
    sentence: answerSentence(comparison, noIntervalReason(analysis), notParallel),
    further: furtherCosts(comparison, false),
  };
}

/** The same comparison in each other family, beside what it is in the main one. */
function controlAnswers(control: Control): Answer[] {
  const [main, ...others] = control.entries;
  if (main === undefined) return [];
  const budget = formatFlops(control.budgetFlops);
  return others.map((entry) => ({
    factor: 'control',
    tone: 'control',
    sentence: rich`${strong(`With ${entry.positions} positions ${control.arch} ${differenceText(entry, control.baseline)}`)}${intervalText(entry.differenceNats, signedNats)} at ${budget}, ${entry.basis}; with ${main.positions} positions it ${differenceText(main, control.baseline)}${intervalText(main.differenceNats, signedNats)}.`,
    further: null,
  }));
}

/** `ends 0.026 nats (0.72%) above transformer`. */
function differenceText({ differenceNats, relative, verdict }: ControlEntry, baseline: string): string {
  if (verdict === 'not told apart') {
    return `is not told apart from ${baseline}, by ${signedNats(differenceNats.value)} nats`;
  }
  const side = differenceNats.value < 0 ? 'below' : 'above';
  const share = relative === null ? '' : ` (${Math.abs(relative.value * 100).toFixed(2)}%)`;
  return `ends ${Math.abs(differenceNats.value).toFixed(3)} nats${share} ${side} ${baseline}`;
}

function nothingToCompare({ study, archs }: ReportContext): Rich {
  const { baselines } = study.sweep;
  const named =
    baselines.length === 0 ? 'The sweep names no baseline' : `The baselines are ${listInWords(baselines)}`;
  const present =
    archs.length === 0 ? 'no run is there yet' : `the runs are of ${listInWords(archs.map((a) => a.arch))}`;
  return rich`${strong('Nothing is compared here.')} ${named}, and ${present}: a comparison needs a baseline and another architecture with the same positions.`;
}

/** A study of one family, or one whose families don't repeat a comparison, says so at once. */
function familyNote({ families }: ReportContext, controls: readonly Control[]): Block[] {
  if (controls.length > 0) return [];
  const others = families.slice(1);
  const why =
    'The advantage of an architecture can come from giving a model the local order that other positions give it anyway, so a claim about an architecture needs a second family.';
  const text =
    others.length === 0
      ? rich`${strong('One family of positions only')}: every run here has ${families[0] ?? 'no'} positions. ${why}`
      : rich`${strong('No control')}: the runs with ${listInWords(others)} positions repeat no comparison of the headline at a budget and size of their own family. ${why}`;
  return [{ kind: 'prose', text }];
}

/** Names the hardware of the speedups in seconds once, for all of them. */
function secondsNote({ comparisons }: ReportContext): Block[] {
  const hardware = new Set(
    comparisons.flatMap((c) => c.atOptimalSize.flatMap((at) => (at.cost === 'seconds' ? [at.hardware] : []))),
  );
  const named = [...hardware].filter((name) => name !== null);
  if (named.length === 0) return [];
  return [
    {
      kind: 'prose',
      muted: true,
      text: rich`Seconds are those of training on ${listInWords(named)}, timed apart from the runs.`,
    },
  ];
}
