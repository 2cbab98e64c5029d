/** The answer: a sentence for each comparison, one picture, and the control in other families beside it. */
import type { Speedup } from '../../fit/analysis.js';
import { controlChart, controlsOf, type Control } from '../charts/control.js';
import { headlineChart } from '../charts/headline.js';
import type { ReportContext } from '../context.js';
import { chartBlock, type Answer, type Block, type Section } from '../document.js';
import { formatPowerOfTen, listInWords } from '../format.js';
import { rich, strong, type Rich } from '../rich.js';
import {
  answerSentence,
  factorText,
  furtherCosts,
  headlineOf,
  noIntervalReason,
  shortInterval,
  signedNats,
  signedPercent,
} from '../text.js';

export function answerSection(context: ReportContext): Section {
  const { comparisons, families, analysis } = context;
  const main = families[0];
  const noInterval = noIntervalReason(analysis);
  const headline = comparisons.filter((c) => c.positions === main).map((c) => answerOf(c, noInterval));
  const blocks: Block[] = [];
  if (headline.length > 0) blocks.push({ kind: 'answers', answers: headline });
  else blocks.push({ kind: 'prose', text: nothingToCompare(context) });
  if (main !== undefined) blocks.push(...chartBlock(headlineChart(context, main)));
  blocks.push(...controlBlocks(context));
  return { id: 'answer', title: 'Answer', blocks };
}

function answerOf(comparison: Speedup, noInterval: string): Answer {
  const at = headlineOf(comparison);
  return {
    factor: at === undefined ? '–' : factorText(at),
    decided: at?.verdict === 'better' || at?.verdict === 'worse',
    sentence: answerSentence(comparison, noInterval),
    further: furtherCosts(comparison),
  };
}

function nothingToCompare({ study, archs }: ReportContext): Rich {
  const { baselines } = study.sweep;
  const named =
    baselines.length === 0 ? 'The sweep names no baseline' : `The baselines are ${listInWords(baselines)}`;
  return rich`${strong('Nothing is compared here.')} ${named}, and the runs are of ${listInWords(archs.map((a) => a.arch))}: a comparison needs a baseline and another architecture with the same positions.`;
}

function controlBlocks(context: ReportContext): Block[] {
  const { families, comparisons, analysis } = context;
  const controls = controlsOf(context);
  const others = families.slice(1);
  if (others.length === 0) {
    return [
      {
        kind: 'prose',
        text: rich`${strong('One family of positions only')}: every run here has ${families[0] ?? 'no'} positions. The advantage of an architecture can come from giving a model the local order that other positions give it anyway, so a claim about an architecture needs a second family.`,
      },
    ];
  }
  const noInterval = noIntervalReason(analysis);
  const further = comparisons
    .filter((c) => c.positions !== families[0] && c.atOptimalSize.length > 0)
    .map((c) => answerSentence(c, noInterval));
  const blocks: Block[] = [{ kind: 'heading', text: `Control: ${listInWords(others)} positions` }];
  blocks.push(
    ...[...further, ...controls.map(controlSentence)].map((text): Block => ({ kind: 'prose', text })),
  );
  blocks.push(...others.flatMap((family) => chartBlock(headlineChart(context, family))));
  blocks.push(...chartBlock(controlChart(context, controls)));
  if (further.length === 0 && controls.length === 0) {
    blocks.push({
      kind: 'prose',
      text: rich`There are runs with ${listInWords(others)} positions, but none that repeats a comparison of the headline at a budget and size of its own family.`,
    });
  }
  return blocks;
}

/** `With 10¹² FLOPs, primer-ez is 0.061 nats below transformer with absolute positions (...); with rotary ones ...`. */
export function controlSentence(control: Control): Rich {
  const part = (entry: Control['entries'][number]): string => {
    const relative = entry.relative === null ? '' : `, ${signedPercent(entry.relative.value)}`;
    const verdict = entry.verdict === null ? '' : `: ${entry.verdict}`;
    return `${entry.positions} ${shortInterval(entry.differenceNats, signedNats)} nats${relative}${verdict}`;
  };
  const budget = formatPowerOfTen(control.budgetFlops);
  return rich`${strong(`${control.arch} minus ${control.baseline}`)} in test loss at ${budget} FLOPs, ${control.entries[0]!.basis}: ${control.entries.map(part).join('; ')}.`;
}
