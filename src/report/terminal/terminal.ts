/** The report for a terminal: the answer, the speedups, and the frontiers as small plots of characters. */
import { showControls } from '../../store/controls.js';
import type { Speedup } from '../../fit/comparison.js';
import { renderTable, type CellValue } from '../../store/tableText.js';
import { buildDocument } from '../buildDocument.js';
import { reportContext, type ReportContext, type ReportInput } from '../context.js';
import { differenceGroups, equalLossText, type DifferenceGroup } from '../differences.js';
import { factorDigits, formatLoss, formatPowerOfTen } from '../format.js';
import { richToPlain } from '../rich.js';
import { costLabel, headlineOf, shortInterval, signedNats, speedupText } from '../text.js';
import { textIntervals, textPlot } from './textPlot.js';

const PLOT_HEIGHT = 14;
const WIDEST = 100;

/**
 * Renders a report as text.
 *
 * @param columns of the terminal
 */
export function renderTerminal(input: ReportInput, columns: number): string {
  const context = reportContext(input);
  const document = buildDocument(context);
  const width = Math.max(40, Math.min(WIDEST, columns));
  const parts = [
    heading(document.title, '='),
    wrap(richToPlain(document.summary), width, ''),
    ...answers(document.sections[0]?.blocks ?? [], width),
    speedups(context, width),
    ...differenceGroups(context).map((group) => differences(group, width)),
    ...context.families.map((family) => frontiers(context, family, width)),
    limits(input, width),
  ];
  return `${showControls(parts.filter((part) => part !== '').join('\n\n'), '\n')}\n`;
}

function heading(text: string, rule: '=' | '-'): string {
  return `${text}\n${rule.repeat(Array.from(text).length)}`;
}

/** The sentences of the report's first section, which holds the answer. */
function answers(
  blocks: ReturnType<typeof buildDocument>['sections'][number]['blocks'],
  width: number,
): string[] {
  return blocks.flatMap((block) => {
    switch (block.kind) {
      case 'answers':
        return block.answers.map(({ factor, sentence, further }) => {
          const text = further === null ? richToPlain(sentence) : `${richToPlain(sentence)} ${further}`;
          return wrap(text, width, `${factor.padEnd(8)} `);
        });
      case 'prose':
        return [wrap(richToPlain(block.text), width, '')];
      case 'heading':
        return [heading(block.text, '-')];
      default:
        return [];
    }
  });
}

/** The comparisons as a table, and those in FLOPs as intervals. */
function speedups({ comparisons }: ReportContext, width: number): string {
  const rows = comparisons.flatMap((comparison) =>
    comparison.atOptimalSize.map((at): CellValue[] => [
      comparison.arch,
      comparison.baseline,
      comparison.positions,
      costLabel(at.cost, null),
      speedupText(at),
      at.verdict ?? 'no interval',
    ]),
  );
  if (rows.length === 0) return '';
  const names = ['architecture', 'over', 'positions', 'counted in', 'speedup (95% interval)', 'verdict'];
  const table = renderTable({ columns: names, rows }, 'table').trimEnd();
  const plot = textIntervals(comparisons.flatMap(toInterval), width, factorDigits);
  const title = heading('Speedups at equal loss and optimal size', '-');
  return [title, table, ...(plot.length === 0 ? [] : ['', 'In FLOPs, right of 1 is better:', ...plot])].join(
    '\n',
  );
}

function toInterval(comparison: Speedup): Parameters<typeof textIntervals>[0][number][] {
  const at = headlineOf(comparison);
  if (at === undefined) return [];
  const label = `${comparison.arch} over ${comparison.baseline}`;
  // A bound is what was measured; the factor behind it is extrapolated.
  if (at.relation !== '=' && at.bound !== null) return [{ label, value: at.bound, low: null, high: null }];
  return [{ label, ...at.factor }];
}

/** What was compared with one baseline at one budget, as a table and as intervals around 0. */
function differences({ baseline, budgetFlops, entries }: DifferenceGroup, width: number): string {
  const rows = entries.map(({ arch, size, differenceNats, verdict, compute }): CellValue[] => [
    arch,
    size ?? 'optimal',
    shortInterval(differenceNats, signedNats),
    verdict ?? 'no interval',
    equalLossText(compute) ?? '\u2013',
  ]);
  const names = ['architecture', 'size', 'nats (95% interval)', 'verdict', 'worth compute (95%)'];
  const table = renderTable({ columns: names, rows }, 'table').trimEnd();
  // Around 0 a difference is drawn as a factor is around 1.
  const exp = (nats: number | null): number | null => (nats === null ? null : Math.exp(nats));
  const plot = textIntervals(
    entries.map(({ arch, isBaselineSize, size, differenceNats: { value, low, high } }) => ({
      label: isBaselineSize || size === null ? arch : `${arch}, ${size}`,
      value: Math.exp(value),
      low: exp(low),
      high: exp(high),
    })),
    width,
    (factor) => signedNats(Math.log(factor)),
    '0',
  );
  const title = heading(`Change of loss over ${baseline} with ${formatPowerOfTen(budgetFlops)} FLOPs`, '-');
  return [title, table, '', 'In nats, left of 0 is better:', ...plot].join('\n');
}

function frontiers({ analysis, archs }: ReportContext, family: string, width: number): string {
  const series = archs.flatMap(({ arch }) => {
    const frontier = analysis.frontier.find((entry) => entry.arch === arch && entry.positions === family);
    if (frontier === undefined || frontier.points.length === 0) return [];
    return [
      {
        label: arch,
        points: frontier.points.map(({ flops, lossNats }) => [flops, lossNats.value] as const),
        line: frontier.band.map(({ flops, lossNats }) => [flops, lossNats.value] as const),
      },
    ];
  });
  const plot = textPlot({
    series,
    xLabel: 'training FLOPs',
    yLabel: 'loss at optimal size, nats per token',
    formatX: (flops) => formatPowerOfTen(flops, 2),
    formatY: formatLoss,
    width,
    height: PLOT_HEIGHT,
  });
  if (plot.length === 0) return '';
  return [heading(`Loss against compute, ${family} positions`, '-'), ...plot].join('\n');
}

function limits({ analysis, study }: ReportInput, width: number): string {
  const sentences = [...analysis.warnings, ...study.problems];
  if (sentences.length === 0) return '';
  return [heading('To keep in mind', '-'), ...sentences.map((text) => wrap(text, width, '- '))].join('\n');
}

/** Wraps a text at blanks, with `first` before the first line and blanks of that width before the others. */
function wrap(text: string, width: number, first: string): string {
  const indent = ' '.repeat(Array.from(first).length);
  const lines: string[] = [];
  let line = first;
  for (const word of text.split(/\s+/)) {
    const isFull = Array.from(line).length + Array.from(word).length + 1 > width;
    if (isFull && line.trim() !== '' && line !== first) {
      lines.push(line.trimEnd());
      line = indent;
    }
    line += line === '' || line.endsWith(' ') ? word : ` ${word}`;
  }
  return [...lines, line].join('\n');
}
