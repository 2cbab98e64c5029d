/** The picture beside the answer: every comparison's speedup at optimal size with its interval, and a line at 1. */
import type { Speedup, SpeedupAtOptimalSize } from '../../fit/comparison.js';
import { verdictOf } from '../../fit/factors.js';
import { commonReading, type BudgetReading } from '../claims.js';
import type { ReportContext } from '../context.js';
import { formatFlops, formatPowerOfTen } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { costLabel, headlineOf, shortFactor, speedupText } from '../text.js';
import {
  FORMAT,
  intervalLayers,
  paddedDomain,
  pairAxis,
  referenceLine,
  seriesEncoding,
  SHOWN,
  tip,
  type Chart,
} from './chart.js';
import { speedupAxis, speedupFields } from './speedups.js';

const COLUMNS = [
  'pair',
  'arch',
  'baseline',
  'positions',
  'cost',
  'relation',
  'factor',
  'low',
  'high',
  'extrapolated',
  'verdict',
  'label',
  'baselineCost',
  'readAtFlops',
  'lossNats',
] as const;

type Row = Record<(typeof COLUMNS)[number], string | number | boolean | null>;

/** Speedups of one family of positions; null where no comparison has a number. */
export function headlineChart(context: ReportContext, positions: string): Chart | null {
  return speedupChart(
    context,
    context.comparisons.filter((c) => c.positions === positions),
    {
      id: positions === context.families[0] ? 'speedup' : `speedup-${positions}`,
      title: `Speedup at optimal size, ${positions} positions`,
      tableCaption: `Speedups at equal loss and optimal size, ${positions} positions`,
      pairOf: (c) => `${c.arch}|over ${c.baseline}`,
    },
  );
}

/** Speedups of all families, what repeats in several of them side by side; null where no comparison has a number. */
export function familiesChart(context: ReportContext): Chart | null {
  const common = new Map(
    context.claims.flatMap((claim) =>
      claim.entries.map((c): [Speedup, BudgetReading | null] => [c, commonReading(claim, c)]),
    ),
  );
  const pairOf = (c: Speedup, at: string): string =>
    `${bare(c.arch, c)} over ${bare(c.baseline, c)}|${c.positions}${at}`;
  return speedupChart(
    context,
    context.claims.flatMap((claim) => claim.entries),
    {
      id: 'speedup',
      title: 'Speedup at optimal size, family by family',
      tableCaption: 'Speedups at equal loss and optimal size, in every family of positions',
      pairOf: (c) => pairOf(c, readAtText(c)),
      besideOf: (c) => {
        const reading = common.get(c) ?? null;
        return reading && { pair: pairOf(c, `, at ${formatFlops(reading.budgetFlops)}`), reading };
      },
    },
  );
}

/** `, at 10¹³ FLOPs`: families need not share the compute at which they are read. */
function readAtText(comparison: Speedup): string {
  const at = headlineOf(comparison);
  return at === undefined ? '' : `, at ${formatFlops(at.baselineCost)}`;
}

/** A label without the positions that stand beside it anyway. */
function bare(arch: string, { positions }: Speedup): string {
  return arch.replace(`@${positions}`, '');
}

interface Heading {
  readonly id: string;
  readonly title: string;
  readonly tableCaption: string;
  /** Key of a comparison's row, its two lines parted by `|`. */
  readonly pairOf: (comparison: Speedup) => string;
  /** The same comparison at less compute, to stand below it; null where it has none. */
  readonly besideOf?: (
    comparison: Speedup,
  ) => { readonly pair: string; readonly reading: BudgetReading } | null;
}

function speedupChart(
  context: ReportContext,
  comparisons: readonly Speedup[],
  { id, title, tableCaption, pairOf, besideOf = () => null }: Heading,
): Chart | null {
  const rows = comparisons.flatMap((c) => {
    const beside = besideOf(c);
    return [
      ...c.atOptimalSize.map((at) => rowOf(c, at, pairOf(c))),
      ...(beside === null ? [] : [besideRow(c, beside.pair, beside.reading)]),
    ];
  });
  const drawn = comparisons.flatMap((c) =>
    c.atOptimalSize.filter((at) => at.cost === 'flops').map((at) => ({ c, at })),
  );
  if (drawn.length === 0) return null;
  const archs = context.archs.map((a) => a.arch).filter((arch) => drawn.some(({ c }) => c.arch === arch));
  const shown = rows.filter(({ cost }) => cost === costLabel('flops', null));
  const ends = shown.flatMap(({ factor, low, high }) => [factor, low, high]);
  const domain = paddedDomain([1, ...ends.filter((value) => typeof value === 'number')], 'log', 0.12);
  const pairs = shown.map(({ pair }) => String(pair));
  const { color, shape } = seriesEncoding(context.styles, archs);
  const x = speedupAxis(domain);
  const y = pairAxis('pair', pairs);
  const tooltip = [
    tip('arch', 'Architecture'),
    tip('baseline', 'Over'),
    tip('label', 'Speedup'),
    tip('verdict', 'Verdict'),
    tip('lossNats', 'At loss, nats', FORMAT.loss),
    tip('baselineCost', 'Baseline, FLOPs', FORMAT.flops),
  ];
  return {
    id,
    title,
    caption: rich`Training compute of the baseline divided by that of the architecture at equal loss, each at its best size. Right of 1 the architecture saves compute. Bars are 95% bootstrap intervals: one that leaves out 1 tells the two apart.`,
    alt: `Speedup of each architecture over each baseline with its 95% interval, and a line at 1. ${drawn.map(({ c, at }) => `${c.arch} over ${c.baseline}: ${speedupText(at)}.`).join(' ')}`,
    layout: { kind: 'rows', rows: pairs.length, step: 48, stacks: true },
    archs,
    scales: { x: 'log' },
    datasets: { speedup: datasetOf(COLUMNS, rows) },
    spec: {
      data: { name: 'speedup' },
      transform: [SHOWN, { filter: "datum.cost === 'FLOPs'" }],
      layer: [referenceLine('x', 1), ...intervalLayers(x, y, { color, shape }, tooltip)],
    },
    table: {
      caption: tableCaption,
      dataset: datasetOf(COLUMNS, rows),
      columns: [
        { field: 'arch', label: 'Architecture' },
        { field: 'baseline', label: 'Over' },
        { field: 'positions', label: 'Positions' },
        { field: 'cost', label: 'Counted in' },
        { field: 'label', label: 'Speedup (95% interval)' },
        { field: 'verdict', label: 'Verdict' },
        { field: 'lossNats', label: 'At loss, nats', format: (nats) => nats.toFixed(3) },
        { field: 'readAtFlops', label: "Baseline's budget, FLOPs", format: formatPowerOfTen },
      ],
    },
  };
}

function rowOf(comparison: Speedup, at: SpeedupAtOptimalSize, pair: string): Row {
  return {
    pair,
    arch: comparison.arch,
    baseline: comparison.baseline,
    positions: comparison.positions,
    cost: costLabel(at.cost, at.hardware),
    ...speedupFields(at),
    extrapolated: at.relation !== '=' || at.lowExtrapolated || at.highExtrapolated,
    baselineCost: at.baselineCost,
    readAtFlops: headlineOf(comparison)?.baselineCost ?? null,
    lossNats: at.lossNats,
  };
}

/** A factor at less compute than the headline's, as a row of its own. */
function besideRow(
  { arch, baseline, positions }: Speedup,
  pair: string,
  { budgetFlops, lossNats, factor }: BudgetReading,
): Row {
  return {
    pair,
    arch,
    baseline,
    positions,
    cost: costLabel('flops', null),
    relation: '=',
    factor: factor.value,
    low: factor.low,
    high: factor.high,
    label: shortFactor(factor),
    verdict: verdictOf(factor) ?? 'no interval',
    extrapolated: false,
    baselineCost: budgetFlops,
    readAtFlops: budgetFlops,
    lossNats,
  };
}
