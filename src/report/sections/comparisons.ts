/** What else is known of the comparisons: in words for each family, in tables for all. */
import { measuredIn } from '../claims.js';
import type { ReportContext } from '../context.js';
import type { Block } from '../document.js';
import { formatFactor, formatNumber, formatPowerOfTen } from '../format.js';
import { datasetOf, type Table } from '../table.js';
import { headlineOf, powerText, shortFactor, shortInterval, signedNats } from '../text.js';
import { comparisonAnswer } from './answer.js';

const exponentText = powerText(3);

/** Where the answer sums up several families: what each of them found, in its own sentence. */
export function comparisonsInWords(context: ReportContext): Block[] {
  const summed = context.claims.filter((claim) => measuredIn(claim).length > 1);
  if (summed.length === 0) return [];
  const items = summed.flatMap(({ entries }) =>
    entries
      .filter((entry) => headlineOf(entry) !== undefined)
      .map((entry) => comparisonAnswer(context, entry).sentence),
  );
  return [
    { kind: 'heading', text: 'Every comparison, family by family' },
    { kind: 'list', items },
  ];
}

/** What else is known of each comparison: is one factor enough, and what could the study have seen. */
export function detailsTable({ comparisons }: ReportContext): Table | null {
  const rows = comparisons.flatMap((c) =>
    c.exponentDifference === null && c.power === null && c.pairedStandardDeviation === null
      ? []
      : [
          {
            arch: c.arch,
            baseline: c.baseline,
            exponentDifference: shortInterval(c.exponentDifference, exponentText),
            parallelPValue: c.parallelPValue,
            pureLawFactor: c.pureLawFactor === null ? null : shortFactor(c.pureLawFactor),
            pairedStandardDeviation: c.pairedStandardDeviation,
            detectableFactor: c.power?.detectableFactor ?? null,
            seedsMultiple: c.power?.seedsMultiple ?? null,
          },
        ],
  );
  if (rows.length === 0) return null;
  return {
    caption: 'Details of the comparisons: parallelism, noise and power',
    dataset: datasetOf(
      [
        'arch',
        'baseline',
        'exponentDifference',
        'parallelPValue',
        'pureLawFactor',
        'pairedStandardDeviation',
        'detectableFactor',
        'seedsMultiple',
      ],
      rows,
    ),
    columns: [
      { field: 'arch', label: 'Architecture' },
      { field: 'baseline', label: 'Over' },
      { field: 'exponentDifference', label: 'Difference of exponents (95%)' },
      { field: 'parallelPValue', label: 'p of parallel', format: (p) => formatNumber(p, 2) },
      { field: 'pureLawFactor', label: 'Factor of parallel laws (95%)' },
      {
        field: 'pairedStandardDeviation',
        label: 'Paired standard deviation, nats',
        format: (nats) => formatNumber(nats, 2),
      },
      { field: 'detectableFactor', label: 'Smallest factor told from 1 (80%)', format: formatFactor },
      {
        field: 'seedsMultiple',
        label: 'Seeds needed, multiple',
        format: (multiple) => formatNumber(multiple, 2),
      },
    ],
  };
}

/** Differences at equal budget, size and seeds: they need no fit at all. */
export function pairedTable({ comparisons }: ReportContext): Table | null {
  const rows = comparisons.flatMap(({ arch, baseline, sameSize }) =>
    sameSize.map((pair) => ({
      arch,
      baseline,
      budgetFlops: pair.budgetFlops,
      size: pair.size,
      seeds: pair.nSeeds,
      differenceNats: pair.differenceNats.value,
      low: pair.differenceNats.low,
      high: pair.differenceNats.high,
      label: shortInterval(pair.differenceNats, signedNats),
    })),
  );
  if (rows.length === 0) return null;
  return {
    caption:
      'Paired differences of test loss at equal budget, size and seed (architecture minus baseline; negative is better)',
    dataset: datasetOf(
      ['arch', 'baseline', 'budgetFlops', 'size', 'seeds', 'differenceNats', 'low', 'high', 'label'],
      rows,
    ),
    columns: [
      { field: 'arch', label: 'Architecture' },
      { field: 'baseline', label: 'Minus' },
      { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
      { field: 'size', label: 'Size' },
      { field: 'seeds', label: 'Seeds' },
      { field: 'label', label: 'Difference, nats (95%)' },
    ],
  };
}
