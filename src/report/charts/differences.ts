/** Differences of loss over one baseline, sorted, with their intervals and the compute that they are worth. */
import { equalLossText, type DifferenceEntry, type DifferenceGroup } from '../differences.js';
import { formatFlops, formatPowerOfTen } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { shortInterval, signedNats } from '../text.js';
import { VERDICT_SERIES } from '../theme.js';
import {
  categoryEncoding,
  categoryShown,
  differenceAxis,
  intervalLayers,
  paddedDomain,
  pairAxis,
  referenceLine,
  SHOWN,
  tip,
  type Chart,
} from './chart.js';

const COLUMNS = [
  'row',
  'arch',
  'baseline',
  'positions',
  'budgetFlops',
  'size',
  'basis',
  'differenceNats',
  'low',
  'high',
  'label',
  'verdict',
  'computeRelation',
  'computeFactor',
  'computeLow',
  'computeHigh',
  'compute',
] as const;

/** A chart for each group; sizes are named where an architecture has several. */
export function differenceCharts(groups: readonly DifferenceGroup[]): Chart[] {
  return groups.map((group, i) => differenceChart(group, i));
}

function differenceChart(group: DifferenceGroup, index: number): Chart {
  const { baseline, positions, budgetFlops, entries } = group;
  const isFirst = index === 0;
  const id = isFirst ? 'differences' : `differences-${index + 1}`;
  const rows = entries.map((entry) => rowOf(group, entry));
  const ends = rows.flatMap((row) => [row.differenceNats, row.low, row.high]).filter((v) => v !== null);
  const x = differenceAxis(paddedDomain([0, ...ends], 'linear', 0.1));
  const y = pairAxis(
    'row',
    rows.map(({ row }) => row),
  );
  const verdicts = VERDICT_SERIES.filter(({ name }) => rows.some(({ verdict }) => verdict === name));
  const tooltip = [
    tip('arch', 'Architecture'),
    tip('baseline', 'Minus'),
    tip('label', 'Difference, nats'),
    tip('compute', 'Worth compute'),
    tip('basis', 'Read with'),
    tip('verdict', 'Verdict'),
  ];
  const worth = rows.some(({ compute }) => compute !== null);
  const note = worth
    ? rich` The factor below a name says with how much of the compute ${baseline} itself reaches that loss at this size, by its runs with less and more compute; beyond those only a bound is given.`
    : rich``;
  const caption = isFirst
    ? rich`Test loss minus that of ${baseline}, both with ${formatFlops(budgetFlops)} and ${positions} positions, mean over seeds, the lowest first. Bars are 95% intervals: one that leaves out 0 tells the two apart.${note}`
    : rich`The same over ${baseline}, with ${formatFlops(budgetFlops)} and ${positions} positions.`;
  return {
    id,
    title: `Change of loss over ${baseline}`,
    caption,
    alt: `Loss of each architecture minus that of ${baseline} with its 95% interval, and a line at 0. ${rows.map((row) => `${row.arch}: ${row.label} nats.`).join(' ')}`,
    layout: { kind: 'rows', rows: rows.length, step: 42, stacks: true },
    archs: [],
    categories: { field: 'verdict', series: verdicts },
    scales: {},
    datasets: { differences: datasetOf(COLUMNS, rows) },
    spec: {
      data: { name: 'differences' },
      transform: [SHOWN, categoryShown(id, 'verdict')],
      layer: [referenceLine('x', 0), ...intervalLayers(x, y, categoryEncoding('verdict', verdicts), tooltip)],
    },
    table: {
      caption: `Differences of test loss over ${baseline}, ${positions} positions`,
      dataset: datasetOf(COLUMNS, rows),
      columns: [
        { field: 'arch', label: 'Architecture' },
        { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
        { field: 'basis', label: 'Read with' },
        { field: 'label', label: 'Difference, nats (95%)' },
        { field: 'verdict', label: 'Verdict' },
        { field: 'compute', label: 'Worth compute (95%)' },
      ],
    },
  };
}

function rowOf({ baseline, positions, budgetFlops }: DifferenceGroup, entry: DifferenceEntry) {
  const { arch, size, isBaselineSize, basis, differenceNats, verdict, compute } = entry;
  const worth = equalLossText(compute);
  const name = isBaselineSize || size === null ? arch : `${arch}, ${size}`;
  return {
    row: worth === null ? name : `${name}|${worth} compute`,
    arch,
    baseline,
    positions,
    budgetFlops,
    size,
    basis,
    differenceNats: differenceNats.value,
    low: differenceNats.low,
    high: differenceNats.high,
    label: shortInterval(differenceNats, signedNats),
    verdict: verdict ?? 'no interval',
    computeRelation: compute?.relation ?? null,
    computeFactor: compute === null ? null : (compute.factor?.value ?? compute.bound),
    computeLow: compute?.factor?.low ?? null,
    computeHigh: compute?.factor?.high ?? null,
    compute: worth,
  };
}
