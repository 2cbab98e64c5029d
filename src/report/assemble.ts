/**
 * A chart made into a whole Vega-Lite specification for the room it has. The same function runs here, for SVG files,
 * and in the page, into which its source is copied: it therefore refers to nothing outside of itself.
 */
import type { Chart, ScaleType } from './charts/chart.js';
import type { Dataset } from './table.js';

/** The parts of a chart that a page needs to draw it. */
export interface DrawableChart extends Pick<
  Chart,
  'spec' | 'layout' | 'scales' | 'alt' | 'archs' | 'categories'
> {
  readonly datasets: Readonly<Record<string, Dataset>>;
}

export interface AssembleOptions {
  /** Width of the whole figure in pixels, axes included. */
  readonly width: number;
  readonly config: object;
  /** A figure on its own: with Vega's legend, where the page has buttons, and without marks that only serve hovering. */
  readonly standalone: boolean;
  /** Replacement of colours, for the dark theme. */
  readonly colors: Readonly<Record<string, string>>;
  /** Scales chosen by the reader, where they differ from the chart's. */
  readonly scales: { readonly x?: ScaleType; readonly y?: ScaleType };
  readonly hidden: readonly string[];
}

/** The whole specification, with its data. */
export function assembleSpec(chart: DrawableChart, options: AssembleOptions): Record<string, unknown> {
  const { layout } = chart;
  // As many names beside each other as fit: about 7 pixels a character, and the symbol; rows have labels to their left.
  const names = [...chart.archs, ...(chart.categories?.series ?? []).map(({ name }) => name)];
  const longest = Math.max(1, ...names.map((name) => name.length));
  const legendRoom = options.width - (layout.kind === 'rows' ? 200 : 70);
  const legendColumns = Math.max(1, Math.floor(legendRoom / (longest * 7 + 42)));
  const stacked = layout.kind === 'rows' && layout.stacks === true && options.width < 520;
  const switched = (channel: string): string | undefined => {
    if (channel !== 'x' && channel !== 'y') return undefined;
    const wanted = options.scales[channel];
    return wanted === undefined || wanted === chart.scales[channel] ? undefined : wanted;
  };
  const walk = (node: unknown, key: string): unknown => {
    if (typeof node === 'string') return options.colors[node] ?? node;
    if (Array.isArray(node)) {
      const forHover = (item: unknown): boolean =>
        (item as { mark?: { opacity?: number } } | null)?.mark?.opacity === 0;
      return node.filter((item) => !(options.standalone && forHover(item))).map((item) => walk(item, key));
    }
    if (node === null || typeof node !== 'object') return node;
    const copy: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(node)) copy[name] = walk(value, name);
    const type = switched(key);
    if (type !== undefined && copy['scale'] !== undefined) {
      copy['scale'] = { ...(copy['scale'] as object), type };
      const axis = Object.entries(copy['axis'] ?? {}).filter(([name]) => name !== 'values');
      copy['axis'] = { ...Object.fromEntries<unknown>(axis), tickCount: 6 };
    }
    // Above its row and inside of the panel, where there is no room to the left.
    if (stacked && key === 'y' && copy['type'] === 'nominal') {
      copy['axis'] = {
        ...(copy['axis'] as object),
        labelExpr: "replace(datum.label, '|', ', ')",
        labelAlign: 'left',
        labelPadding: -2,
        labelOffset: -31,
        labelFontSize: 11,
        labelLimit: options.width - 8,
      };
    }
    const isSeries = copy['field'] === 'arch' || copy['field'] === chart.categories?.field;
    if (copy['legend'] !== undefined && isSeries)
      copy['legend'] = options.standalone ? { ...(copy['legend'] as object), columns: legendColumns } : null;
    return copy;
  };
  const records = (dataset: Dataset): object[] =>
    dataset.rows.map((row) => Object.fromEntries(dataset.columns.map((column, i) => [column, row[i]])));
  const body = walk(chart.spec, '') as Record<string, unknown>;
  const whole: Record<string, unknown> = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    description: chart.alt,
    config: walk(options.config, 'config'),
    params: [{ name: 'hiddenArchs', value: options.hidden }],
    ...body,
    datasets: Object.fromEntries(
      Object.entries(chart.datasets).map(([name, dataset]) => [name, records(dataset)]),
    ),
  };
  if (layout.kind === 'panels') {
    const independent =
      (body['resolve'] as { scale?: { y?: string } } | undefined)?.scale?.y === 'independent';
    const axis = independent ? 40 : 54;
    const spacing = 24;
    const fitting = Math.floor((options.width - (independent ? 0 : axis)) / (layout.minWidth + spacing));
    const rows = Math.ceil(layout.panels / Math.max(1, fitting));
    const columns = Math.ceil(layout.panels / rows);
    const taken = (independent ? columns * axis : axis) + (columns - 1) * spacing + 20;
    whole['columns'] = columns;
    whole['spacing'] = { row: 34, column: spacing };
    // An axis below each panel, where a shared one would stand below an empty place.
    if (rows * columns > layout.panels)
      whole['resolve'] = { ...(body['resolve'] as object | undefined), axis: { x: 'independent' } };
    whole['spec'] = {
      ...(body['spec'] as object),
      width: Math.floor((options.width - taken) / columns),
      height: layout.height,
    };
  } else {
    whole['width'] = options.width;
    whole['height'] =
      layout.kind === 'single' ? layout.height : layout.rows * (stacked ? layout.step + 24 : layout.step);
    whole['autosize'] = { type: 'fit-x', contains: 'padding' };
  }
  return whole;
}
