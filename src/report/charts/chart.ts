/** What a chart is, and the pieces of specification that all charts share. */
import { niceLinearTicks, niceLogTicks } from './ticks.js';
import type { Rich } from '../rich.js';
import { INK, type CategorySeries, type SeriesStyle } from '../theme.js';
import type { Dataset, Table } from '../table.js';

/** A fragment of a Vega-Lite specification. Every finished chart is compiled by a test, warnings counting as errors. */
export type Spec = Readonly<Record<string, unknown>>;

export type ScaleType = 'log' | 'linear';

/** How a chart takes up room. Its width is that of the page or of the figure. */
export type Layout =
  | { readonly kind: 'single'; readonly height: number }
  /** A categorical y axis with `step` pixels a row. With `stacks` a row's label stands above it on a narrow screen. */
  | { readonly kind: 'rows'; readonly rows: number; readonly step: number; readonly stacks?: true }
  /** Small multiples, as many beside each other as have `minWidth` pixels each. */
  | { readonly kind: 'panels'; readonly panels: number; readonly minWidth: number; readonly height: number };

/** One picture of the report with everything that goes with it. */
export interface Chart {
  /** File name of its figure and data, anchor in the page. */
  readonly id: string;
  readonly title: string;
  /** What is drawn and how it was computed. */
  readonly caption: Rich;
  /** What a reader who can't see the chart should know; also the SVG's description. */
  readonly alt: string;
  /** Without size, configuration and data values: those depend on where it is drawn. */
  readonly spec: Spec;
  readonly layout: Layout;
  readonly datasets: Readonly<Record<string, Dataset>>;
  readonly table: Table;
  /** Rows of the CSV file where they are not the table's (learning curves). */
  readonly csv?: Dataset;
  /** Axes whose scale a reader can switch, with the scale they start with. */
  readonly scales: { readonly x?: ScaleType; readonly y?: ScaleType };
  /** Architectures drawn, for the legend; empty where the series are something else. */
  readonly archs: readonly string[];
  /** The series where they are no architectures: the field that holds their names, and how they are drawn. */
  readonly categories?: { readonly field: string; readonly series: readonly CategorySeries[] };
  /** Many marks: drawn on a canvas in the page. */
  readonly dense?: boolean;
}

/** Name of the parameter that holds the architectures a reader has hidden. */
export const HIDDEN_PARAM = 'hiddenArchs';

/** Leaves out the architectures that are hidden. */
export const SHOWN: Spec = { filter: `indexof(${HIDDEN_PARAM}, datum.arch) < 0` };

/** Leaves out the series of a chart's own that are hidden; their names are those of the chart and of the series. */
export function categoryShown(id: string, field: string): Spec {
  return { filter: `indexof(${HIDDEN_PARAM}, '${id}/' + datum.${field}) < 0` };
}

/** Colour and shape of series that are no architectures, with one legend for both. */
export function categoryEncoding(
  field: string,
  series: readonly CategorySeries[],
): { color: Spec; shape: Spec } {
  const channel = (range: readonly string[]): Spec => ({
    field,
    type: 'nominal',
    scale: { domain: series.map(({ name }) => name), range },
    legend: { title: null, symbolOpacity: 1 },
  });
  return {
    color: channel(series.map(({ color }) => color)),
    shape: channel(series.map(({ shape }) => shape)),
  };
}

/** Keeps the rows of one kind of a dataset that several layers share. */
export function ofKind(kind: string): Spec {
  return { filter: `datum.kind === '${kind}'` };
}

/** Colour, shape and dash by architecture, with one legend for all three. */
export function seriesEncoding(
  styles: ReadonlyMap<string, SeriesStyle>,
  archs: readonly string[],
): { color: Spec; shape: Spec; strokeDash: Spec } {
  const style = (arch: string): SeriesStyle => styles.get(arch)!;
  const channel = (range: readonly unknown[]): Spec => ({
    field: 'arch',
    type: 'nominal',
    scale: { domain: archs, range },
    legend: { title: null, symbolOpacity: 1 },
  });
  return {
    color: channel(archs.map((arch) => style(arch).color)),
    shape: channel(archs.map((arch) => style(arch).shape)),
    strokeDash: channel(archs.map((arch) => style(arch).dash)),
  };
}

/** A line of a tooltip. */
export function tip(field: string, title: string, format?: string): Spec {
  return format === undefined ? { field, title } : { field, title, format };
}

/** Formats of d3 that tooltips and axes use. */
export const FORMAT = {
  flops: '.3~e',
  loss: '.4f',
  factor: '.3~f',
  count: ',',
  short: '.3~s',
  percent: '.2%',
} as const;

/** What a mark of one trained size says of it. */
export const CELL_TIPS: readonly Spec[] = [
  tip('arch', 'Architecture'),
  tip('size', 'Size (width x layers)'),
  tip('lossNats', 'Test loss, nats', FORMAT.loss),
  tip('bitsPerByte', 'Bits per byte', FORMAT.loss),
  tip('flops', 'FLOPs', FORMAT.flops),
  tip('tokens', 'Tokens', FORMAT.short),
  tip('steps', 'Steps', FORMAT.count),
  tip('seeds', 'Seeds'),
];

/** Vega expression that writes an axis value as a power of ten: `3×10¹¹`, `10¹²`. */
export const POWER_OF_TEN_LABEL = (() => {
  const exponent = 'floor(log(datum.value) / LN10 + 1e-9)';
  const mantissa = `datum.value / pow(10, ${exponent})`;
  const digits = "'⁰¹²³⁴⁵⁶⁷⁸⁹'";
  const digit = (value: string): string => `slice(${digits}, ${value}, ${value} + 1)`;
  const power = `(abs(${exponent}) >= 10 ? ${digit(`floor(abs(${exponent}) / 10)`)} : '') + ${digit(`abs(${exponent}) % 10`)}`;
  const sign = `(${exponent} < 0 ? '⁻' : '')`;
  const lead = `(abs(${mantissa} - 1) < 1e-6 ? '' : format(${mantissa}, '.3~f') + '×')`;
  return `datum.value > 0 ? ${lead} + '10' + ${sign} + ${power} : '0'`;
})();

/** The same at 1, 2 and 5 times a power of ten only, for axes whose ticks Vega chooses. */
export const SPARSE_POWER_OF_TEN_LABEL = (() => {
  const mantissa = 'datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9))';
  return `indexof([1, 2, 5], round(${mantissa})) < 0 ? '' : (${POWER_OF_TEN_LABEL})`;
})();

/** Vega expressions for the labels of factors (`1.5×`) and of differences (`+0.05`, `+0.5%`, `0`). */
export const FACTOR_LABEL = "format(datum.value, '.3~f') + '×'";
export const SIGNED_LABEL = "datum.value === 0 ? '0' : format(datum.value, '+.3~f')";
export const SIGNED_PERCENT_LABEL = "datum.value === 0 ? '0' : format(datum.value, '+.2~%')";

/** A bar from `low` to `high` along x with the value on it, and its label above: one row of intervals. */
export function intervalLayers(
  x: Spec,
  y: Spec,
  series: { color: Spec; shape: Spec },
  tooltip: readonly Spec[],
): Spec[] {
  const { color, shape } = series;
  return [
    {
      mark: { type: 'rule', strokeWidth: 2.5, strokeCap: 'round' },
      encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y, color, tooltip },
    },
    {
      mark: { type: 'point', filled: true, size: 110, opacity: 1 },
      encoding: { x, y, color, shape, tooltip },
    },
    ...labelAbove(x, y),
  ];
}

/** The optima of the dataset `optima` with their bars from `low` to `high` along y. */
export function optimumLayers(
  y: Spec,
  { color, shape }: { color: Spec; shape: Spec },
  size: number,
  tooltip: readonly Spec[],
): Spec[] {
  const layer = { data: { name: 'optima' }, transform: [SHOWN] };
  return [
    {
      ...layer,
      mark: { type: 'rule', strokeWidth: 1.6, aria: false },
      encoding: { y: { ...y, field: 'low' }, y2: { field: 'high' }, color },
    },
    {
      ...layer,
      mark: { type: 'point', filled: true, size, opacity: 1 },
      encoding: { y, color, shape, tooltip },
    },
  ];
}

/**
 * The field `label` above each mark, with a rim in the colour of the page so that lines behind don't cross it. It
 * extends to the inside of the panel from marks near the ends of `x`'s domain, so that it stays on a narrow screen.
 */
function labelAbove(x: Spec, y: Spec): Spec[] {
  const { type, domain } = x['scale'] as { type?: ScaleType; domain: [number, number] };
  const forward = (value: string): string => (type === 'log' ? `log(${value})` : value);
  const from = type === 'log' ? Math.log(domain[0]) : domain[0];
  const span = (type === 'log' ? Math.log(domain[1]) : domain[1]) - from;
  const place = `(${forward(`datum['${String(x['field'])}']`)} - ${from}) / ${span}`;
  const align = { expr: `${place} < 1/3 ? 'left' : ${place} > 2/3 ? 'right' : 'center'` };
  const dx = { expr: `${place} < 1/3 ? -6 : ${place} > 2/3 ? 6 : 0` };
  const mark = { type: 'text', dy: -14, dx, align, fontSize: 11.5, aria: false };
  const encoding = { x, y, text: { field: 'label' } };
  return [
    { mark: { ...mark, stroke: INK.paper, strokeWidth: 6, strokeJoin: 'round' }, encoding },
    { mark, encoding },
  ];
}

/** Range of values with room at both ends, in the logarithm where the scale is one. */
export function paddedDomain(values: readonly number[], type: ScaleType, share = 0.05): [number, number] {
  const forward = type === 'log' ? Math.log : (x: number): number => x;
  const back = type === 'log' ? Math.exp : (x: number): number => x;
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, forward(value));
    high = Math.max(high, forward(value));
  }
  if (low > high) return type === 'log' ? [0.5, 2] : [0, 1];
  // Values within a few percent of each other would fill an axis with nothing but noise.
  const least = type === 'log' ? 0.05 : Math.max(Math.abs(low), Math.abs(high)) * 1e-3;
  const pad = Math.max((high - low) * share, least * share, high > low ? 0 : least);
  return [back(low - pad), back(high + pad)];
}

/** An axis over compute: logarithmic, labelled by powers of ten at round values or at `values`. */
export function computeAxis(
  field: string,
  title: string,
  domain: readonly [number, number],
  values?: readonly number[],
): Spec {
  return {
    field,
    type: 'quantitative',
    scale: { type: 'log', domain, nice: false },
    axis: { title, values: values ?? niceLogTicks(domain, 7), labelExpr: POWER_OF_TEN_LABEL },
  };
}

/** An axis over differences of loss, the field `differenceNats`. */
export function differenceAxis(domain: readonly [number, number]): Spec {
  return {
    field: 'differenceNats',
    type: 'quantitative',
    scale: { domain, nice: false },
    axis: {
      title: "Loss minus the baseline's, nats (left is better)",
      ...TITLE_AT_END,
      values: niceLinearTicks(domain, 5),
      labelExpr: SIGNED_LABEL,
      grid: true,
    },
  };
}

/** Puts the title of a vertical axis above it, to be read without turning one's head. */
export const TITLE_ABOVE: Spec = {
  titleAlign: 'left',
  titleAngle: 0,
  titleAnchor: 'end',
  titleX: 0,
  titleY: -10,
  titleBaseline: 'bottom',
};

/** An axis over losses. */
export function lossAxis(
  field: string,
  title: string,
  domain: readonly [number, number],
  type: ScaleType,
): Spec {
  return {
    field,
    type: 'quantitative',
    scale: { type, domain, nice: false },
    axis: { title, values: niceLinearTicks(domain, 6), format: '.3~f', ...TITLE_ABOVE },
  };
}

/** Lets the title of a horizontal axis end where the panel does: a narrow panel has room to its left. */
export const TITLE_AT_END: Spec = { titleAnchor: 'end', titleAlign: 'right' };

/** A categorical axis whose keys `first|second` are written on two lines. */
export function pairAxis(field: string, keys: readonly string[]): Spec {
  return {
    field,
    type: 'nominal',
    scale: { domain: keys },
    axis: {
      title: null,
      labelExpr: "split(datum.label, '|')",
      labelFontSize: 12,
      labelColor: INK.text,
      labelLimit: 220,
      labelLineHeight: 14,
      labelOffset: -6.5,
    },
  };
}

/** A reference line across the panel. */
export function referenceLine(channel: 'x' | 'y', value: number): Spec {
  return {
    mark: { type: 'rule', color: INK.rule, strokeWidth: 1.2, aria: false },
    encoding: { [channel]: { datum: value, type: 'quantitative' } },
  };
}

/** At most `limit` of the budgets, evenly thinned, largest kept: tick values of a compute axis. */
export function budgetTicks(budgets: readonly number[], limit = 8): number[] {
  const sorted = [...new Set(budgets)].sort((a, b) => a - b);
  const every = Math.max(1, Math.ceil(sorted.length / limit));
  return sorted.filter((_, i) => (sorted.length - 1 - i) % every === 0);
}
