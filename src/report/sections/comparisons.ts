/** What else is known of the comparisons, in tables. */
import { budgetReadings, type BudgetReading } from '../claims.js';
import type { ReportContext } from '../context.js';
import { factorDigits, formatFactor, formatNumber, formatPowerOfTen } from '../format.js';
import { tableOf, type Table, type Value } from '../table.js';
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

/** How the factors of one comparison in two families of positions differ. */
export function contrastsTable({ analysis, archs }: ReportContext): Table | null {
  const positionsOf = (name: string): string => archs.find(({ arch }) => arch === name)?.positions ?? '';
  const rows = analysis.contrasts.map(({ first, other, budgetFlops, ratio, differs }) => ({
    first: `${first.arch} over ${first.baseline}`,
    firstPositions: positionsOf(first.arch),
    other: `${other.arch} over ${other.baseline}`,
    otherPositions: positionsOf(other.arch),
    ratio: ratio.value,
    low: ratio.low,
    high: ratio.high,
    label: shortInterval(ratio, factorDigits),
    budgetFlops,
    differs: differs === null ? 'no interval' : CONTRAST_WORDS[differs],
  }));
  return tableOf(
    'One comparison in two families of positions: the factor in the second family over that in the first, at the largest budget of both',
    rows,
    [
      { field: 'first', label: 'First family' },
      { field: 'firstPositions', label: 'Positions' },
      { field: 'other', label: 'Second family' },
      { field: 'otherPositions', label: 'Positions' },
      { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
      { field: 'label', label: 'Ratio of the factors (95%)' },
      { field: 'differs', label: 'The second factor is' },
    ],
  );
}

const CONTRAST_WORDS = { better: 'larger', worse: 'smaller', 'not told apart': 'not told apart' } as const;

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

/** Wider than this a table of factors by budget can't be read. */
const MOST_BUDGETS = 8;

/** The factor of each comparison at every budget, side by side; null where there are too many budgets for that. */
export function factorsByBudgetTable({ comparisons }: ReportContext): Table | null {
  const read = comparisons.map((comparison) => ({ comparison, readings: budgetReadings(comparison) }));
  const budgets = [
    ...new Set(read.flatMap(({ readings }) => readings.map(({ budgetFlops }) => budgetFlops))),
  ].sort((a, b) => a - b);
  if (budgets.length > MOST_BUDGETS) return null;
  const field = (budgetFlops: number): string => `at${budgetFlops}`;
  const rows = read.flatMap(({ comparison: { arch, baseline, positions, change }, readings }) => {
    if (readings.length === 0) return [];
    const factors = budgets.map((budget): [string, string | null] => {
      const reading = readings.find(({ budgetFlops }) => budgetFlops === budget);
      return [field(budget), reading === undefined ? null : budgetFactor(reading)];
    });
    return [
      {
        arch,
        baseline,
        positions,
        ...Object.fromEntries(factors),
        change: change === null ? null : shortInterval(change.ratio, factorDigits),
      },
    ];
  });
  return tableOf<Readonly<Record<string, Value>>>(
    "Speedup at equal loss and optimal size by the baseline's budget in FLOPs, up to the largest that both were trained with, and the last factor over the first (95%; † extrapolated, and left out of that change)",
    rows,
    [
      { field: 'arch', label: 'Architecture' },
      { field: 'baseline', label: 'Over' },
      { field: 'positions', label: 'Positions' },
      ...budgets.map((budget) => ({ field: field(budget), label: formatPowerOfTen(budget) })),
      { field: 'change', label: 'Last over first' },
    ],
  );
}

/** `1.25× (1.19 to 1.33)`; a dagger where the architecture was not measured at that loss. */
function budgetFactor({ factor, extrapolated }: Pick<BudgetReading, 'factor' | 'extrapolated'>): string {
  return `${shortFactor(factor)}${extrapolated ? ' †' : ''}`;
}

/** How far intervals depend on one noise being taken for all families of positions. */
export function ownNoiseTable({ analysis, comparisons }: ReportContext): Table | null {
  const { ownNoise } = analysis;
  if (ownNoise === null) return null;
  const rows = ownNoise.factors.flatMap(({ arch, baseline, factor, verdict }) => {
    const comparison = comparisons.find((c) => c.arch === arch && c.baseline === baseline);
    const at = comparison && headlineOf(comparison);
    if (comparison === undefined || at === undefined) return [];
    const noise = ownNoise.families.find(({ positions }) => positions === comparison.positions);
    return [
      {
        arch,
        baseline,
        positions: comparison.positions,
        standardDeviation: noise?.standardDeviation ?? null,
        pooled: shortFactor(at.factor),
        factor: factor.value,
        low: factor.low,
        high: factor.high,
        own: shortFactor(factor),
        verdict: verdict ?? 'no interval',
      },
    ];
  });
  return tableOf(
    'The headline factors with one noise between seeds for all, as everywhere in this report, and with that of their own family of positions; those beyond a bound are extrapolated',
    rows,
    [
      { field: 'arch', label: 'Architecture' },
      { field: 'baseline', label: 'Over' },
      {
        field: 'standardDeviation',
        label: 'Seed deviation of the family, nats',
        format: (nats) => nats.toFixed(4),
      },
      { field: 'pooled', label: 'Speedup (95%), one noise' },
      { field: 'own', label: 'Speedup (95%), its own' },
      { field: 'verdict', label: 'Verdict by its own' },
    ],
  );
}

/** The factor at each budget of the baseline; a dagger where the architecture was not measured at that loss. */
export function budgetSpeedupsTable({ comparisons }: ReportContext): Table | null {
  const rows = comparisons.flatMap(({ arch, baseline, positions, curve }) =>
    curve.flatMap((point) => {
      const { budgetFlops, lossNats, factor, extrapolated } = point;
      return budgetFlops === null
        ? []
        : [
            {
              arch,
              baseline,
              positions,
              budgetFlops,
              lossNats,
              factor: factor.value,
              low: factor.low,
              high: factor.high,
              extrapolated,
              label: budgetFactor(point),
            },
          ];
    }),
  );
  return tableOf(
    'Speedup at each budget of the baseline, at equal loss and optimal size († extrapolated: the architecture reaches that loss outside of its own measured range)',
    rows,
    [
      { field: 'arch', label: 'Architecture' },
      { field: 'baseline', label: 'Over' },
      { field: 'positions', label: 'Positions' },
      { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
      { field: 'lossNats', label: 'At loss, nats', format: (nats) => nats.toFixed(3) },
      { field: 'label', label: 'Speedup (95%)' },
    ],
  );
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
