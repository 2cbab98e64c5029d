/** What else is known of the comparisons, in tables. */
import type { ReportContext } from '../context.js';
import { formatFactor, formatNumber, formatPowerOfTen } from '../format.js';
import { tableOf, type Table } from '../table.js';
import {
  headlineOf,
  measuredRange,
  powerText,
  shortFactor,
  shortInterval,
  signedNats,
  speedupText,
} from '../text.js';

const exponentText = powerText(3);

/** Every comparison that has a number, with the range it was measured over and how it was read. */
export function comparisonsTable({ comparisons }: ReportContext): Table | null {
  const rows = comparisons.flatMap((comparison) => {
    const at = headlineOf(comparison);
    if (at === undefined) return [];
    const extrapolated = at.relation !== '=' || at.lowExtrapolated || at.highExtrapolated;
    const range = measuredRange(comparison);
    return [
      {
        arch: comparison.arch,
        baseline: comparison.baseline,
        positions: comparison.positions,
        speedup: `${speedupText(at)}${extrapolated ? ' †' : ''}`,
        verdict: at.verdict ?? 'no interval',
        extrapolated,
        from: range?.[0] ?? null,
        to: range?.[1] ?? null,
        range: range === null ? null : `${twoDigits(range[0])} to ${twoDigits(range[1])}`,
        reading: comparison.reading === 'law' ? 'laws' : 'optima',
      },
    ];
  });
  return tableOf(
    'Every comparison at equal loss and optimal size, and the compute of the baseline between which it was measured († in part extrapolated)',
    rows,
    [
      { field: 'arch', label: 'Architecture' },
      { field: 'baseline', label: 'Over' },
      { field: 'positions', label: 'Positions' },
      { field: 'speedup', label: 'Speedup (95%)' },
      { field: 'verdict', label: 'Verdict' },
      { field: 'range', label: 'Measured between, FLOPs' },
      { field: 'reading', label: 'Read off the' },
    ],
  );
}

const twoDigits = (flops: number): string => formatPowerOfTen(flops, 2);

/** What else is known of each comparison: is one factor enough, and what could the study have seen. */
export function detailsTable({ comparisons }: ReportContext): Table | null {
  const rows = comparisons.flatMap((c) =>
    c.exponentDifference === null && c.power === null && c.pairedStandardDeviation === null
      ? []
      : [
          {
            arch: c.arch,
            baseline: c.baseline,
            // Where one of the two is no law there are no two slopes to compare.
            exponentDifference:
              c.reading === 'law' ? shortInterval(c.exponentDifference, exponentText) : 'no laws',
            parallelPValue: c.reading === 'law' ? c.parallelPValue : null,
            pureLawFactor: c.pureLawFactor === null ? null : shortFactor(c.pureLawFactor),
            pairedStandardDeviation: c.pairedStandardDeviation,
            detectableFactor: c.power?.detectableFactor ?? null,
            seedsMultiple: c.power?.seedsMultiple ?? null,
          },
        ],
  );
  return tableOf('Details of the comparisons: parallelism, noise and power', rows, [
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
      format: seedsText,
    },
  ]);
}

/** Far from 1 the number itself says nothing more: there are enough, or a study of another size would be needed. */
function seedsText(multiple: number): string {
  if (multiple <= 1) return 'enough';
  return multiple > 100 ? 'over 100' : formatNumber(multiple, 2);
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
  return tableOf(
    'Paired differences of test loss at equal budget, size and seed (architecture minus baseline; negative is better)',
    rows,
    [
      { field: 'arch', label: 'Architecture' },
      { field: 'baseline', label: 'Minus' },
      { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
      { field: 'size', label: 'Size' },
      { field: 'seeds', label: 'Seeds' },
      { field: 'label', label: 'Difference, nats (95%)' },
    ],
  );
}
