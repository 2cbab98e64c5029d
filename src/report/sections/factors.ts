/** Tables of factors: by budget, family against family, and with the noise that each family has by itself. */
import type { SpeedupPoint } from '../../fit/comparison.js';
import { budgetReadings } from '../claims.js';
import type { ReportContext } from '../context.js';
import { factorDigits, formatFactor, formatPowerOfTen } from '../format.js';
import { tableOf, type Table, type Value } from '../table.js';
import { headlineOf, shortFactor, shortInterval } from '../text.js';

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
    "Speedup at equal loss and optimal size by the baseline's budget in FLOPs, up to the largest that both were trained with, and the last factor over the first (95%; † extrapolated; such factors are left out of that change, such ends of an interval are not)",
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

/** `1.25× (1.19 to 1.33)`; daggers where the architecture was not measured at that loss, and at ends of the interval. */
function budgetFactor(point: Omit<SpeedupPoint, 'budgetFlops'>): string {
  const { factor, extrapolated, lowExtrapolated, highExtrapolated } = point;
  const { low, high } = factor;
  if (extrapolated || low === null || high === null)
    return `${shortFactor(factor)}${extrapolated ? ' †' : ''}`;
  const end = (value: number, isOutside: boolean): string => `${factorDigits(value)}${isOutside ? '†' : ''}`;
  return `${formatFactor(factor.value)} (${end(low, lowExtrapolated)} to ${end(high, highExtrapolated)})`;
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
              lowExtrapolated: point.lowExtrapolated,
              highExtrapolated: point.highExtrapolated,
              label: budgetFactor(point),
            },
          ];
    }),
  );
  return tableOf(
    'Speedup at each budget of the baseline, at equal loss and optimal size († extrapolated: the architecture reaches that loss, or that end of the interval, outside of its own measured range)',
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
