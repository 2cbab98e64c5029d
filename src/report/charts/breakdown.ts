/** Where parameters and FLOPs are: by group, at each architecture's best size of the largest budget. */
import type { RunRecord } from '../../store/record.js';
import type { ReportContext } from '../context.js';
import { formatPercent, formatPowerOfTen, formatShortCount } from '../format.js';
import { rich, type Rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { CATEGORY_COLORS, INK } from '../theme.js';
import {
  categoryEncoding,
  categoryShown,
  FORMAT,
  pairAxis,
  POWER_OF_TEN_LABEL,
  SHOWN,
  tip,
  type Chart,
} from './chart.js';

const COLUMNS = ['row', 'arch', 'size', 'group', 'amount', 'share'] as const;

interface Kind {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly caption: (runs: readonly RunRecord[]) => Rich;
  readonly of: (run: RunRecord) => Readonly<Record<string, number>>;
  readonly format: (value: number) => string;
  readonly tooltipFormat: string;
  readonly axisLabel: string;
}

const PARAMETERS: Kind = {
  id: 'parameters',
  title: 'Parameters by group',
  unit: 'Parameters',
  caption: (runs) =>
    rich`Tied weights count once. Each architecture is shown at the best size of its largest budget.${activeText(runs)}`,
  of: (run) => run.paramsByGroup,
  format: formatShortCount,
  tooltipFormat: FORMAT.count,
  axisLabel: "datum.value === 0 ? '0' : format(datum.value, '~s')",
};

const FLOPS: Kind = {
  id: 'flops',
  title: 'Training FLOPs by kind of operation',
  unit: 'FLOPs per step',
  caption: () =>
    rich`Forward and backward of one training step by FLOP rule 1, counted on the graph of the plain operations. Kinds below 1% everywhere are added up as “other”.`,
  of: (run) => run.flopsByKind,
  format: formatPowerOfTen,
  tooltipFormat: FORMAT.flops,
  axisLabel: POWER_OF_TEN_LABEL,
};

/** Charts of both breakdowns; empty where no run has them. */
export function breakdownCharts(context: ReportContext): Chart[] {
  return [PARAMETERS, FLOPS].map((kind) => breakdownChart(context, kind)).filter((chart) => chart !== null);
}

function breakdownChart(context: ReportContext, kind: Kind): Chart | null {
  const runs = context.archs.map(({ arch }) => bestRun(context, arch)).filter((run) => run !== null);
  const amounts = runs.map((run) => kind.of(run));
  const totals = amounts.map((groups) => Object.values(groups).reduce((a, b) => a + b, 0));
  const names = [...new Set(amounts.flatMap((groups) => Object.keys(groups)))];
  const peak = (name: string): number =>
    Math.max(...amounts.map((groups, i) => (groups[name] ?? 0) / (totals[i]! || 1)));
  const kept = names
    .filter((name) => peak(name) >= 0.01)
    .sort((a, b) => peak(b) - peak(a) || (a < b ? -1 : 1))
    .slice(0, CATEGORY_COLORS.length - 1);
  const rows = runs.flatMap((run, i) => {
    const groups = amounts[i]!;
    const { dModel, nLayers } = run.setup.model;
    const size = `${dModel}x${nLayers}`;
    const base = { row: `${run.arch}|${size}`, arch: run.arch, size };
    const other = names
      .filter((name) => !kept.includes(name))
      .reduce((sum, name) => sum + (groups[name] ?? 0), 0);
    return [...kept.map((name) => [name, groups[name] ?? 0] as const), ['other', other] as const]
      .filter(([, amount]) => amount > 0)
      .map(([group, amount]) => ({ ...base, group, amount, share: amount / totals[i]! }));
  });
  if (rows.length === 0) return null;
  const groups = [...kept, 'other'].filter((name) => rows.some((row) => row.group === name));
  const pairs = [...new Set(rows.map((row) => row.row))];
  const series = groups.map((name, i) => ({ name, color: CATEGORY_COLORS[i]!, shape: 'square' }));
  return {
    id: kind.id,
    title: kind.title,
    caption: kind.caption(runs),
    alt: `${kind.title}. ${runs
      .map(
        (run) =>
          `${run.arch}: ${rows
            .filter((row) => row.arch === run.arch)
            .slice(0, 3)
            .map((row) => `${row.group} ${formatPercent(row.share)}`)
            .join(', ')}.`,
      )
      .join(' ')}`,
    layout: { kind: 'rows', rows: pairs.length, step: 38 },
    archs: [],
    categories: { field: 'group', series },
    scales: {},
    datasets: { groups: datasetOf(COLUMNS, rows) },
    spec: {
      data: { name: 'groups' },
      transform: [
        SHOWN,
        categoryShown(kind.id, 'group'),
        { calculate: `indexof(${JSON.stringify(groups)}, datum.group)`, as: 'rank' },
      ],
      mark: { type: 'bar', stroke: INK.paper, strokeWidth: 1.5, opacity: 0.88, height: { band: 0.62 } },
      encoding: {
        y: pairAxis('row', pairs),
        x: {
          field: 'amount',
          type: 'quantitative',
          axis: { title: kind.unit, tickCount: 5, labelExpr: kind.axisLabel, grid: true },
        },
        color: categoryEncoding('group', series).color,
        order: { field: 'rank', type: 'quantitative' },
        tooltip: [
          tip('arch', 'Architecture'),
          tip('size', 'Size'),
          tip('group', 'Group'),
          tip('amount', kind.unit, kind.tooltipFormat),
          tip('share', 'Share', '.1%'),
        ],
      },
    },
    table: {
      caption: kind.title,
      dataset: datasetOf(COLUMNS, rows),
      columns: [
        { field: 'arch', label: 'Architecture' },
        { field: 'size', label: 'Size' },
        { field: 'group', label: 'Group' },
        { field: 'amount', label: kind.unit, format: kind.format },
        { field: 'share', label: 'Share', format: formatPercent },
      ],
    },
  };
}

/** What a token uses of models with experts: a sentence, empty where there are none. */
function activeText(runs: readonly RunRecord[]): string {
  const mixtures = runs.filter((run) => run.paramsActive < run.paramsTotal);
  if (mixtures.length === 0) return '';
  const counts = mixtures.map(
    ({ arch, paramsTotal, paramsActive }) =>
      `${arch} ${formatShortCount(paramsActive)} of ${formatShortCount(paramsTotal)}`,
  );
  return ` A token uses one expert of each mixture: ${counts.join(', ')} parameters.`;
}

/** A run of the size with the lowest mean loss at the largest budget. */
function bestRun(context: ReportContext, arch: string): RunRecord | null {
  const cells = context.analysis.cells.filter((cell) => cell.arch === arch);
  const largest = Math.max(...cells.map((cell) => cell.budgetFlops));
  const best = cells
    .filter((cell) => cell.budgetFlops === largest)
    .sort((a, b) => a.lossNats - b.lossNats)[0];
  const id = best?.runIds[0];
  return id === undefined ? null : (context.runsById.get(id) ?? null);
}
