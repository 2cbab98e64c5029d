/** Charts by vega-embed in the reader's theme and width. Expressions are interpreted, so the pages' policy needs no eval. */

export interface Theme {
  readonly config: Readonly<Record<string, unknown>> & { readonly legend: object };
  readonly darkOf: Readonly<Record<string, string>>;
  readonly colors: readonly string[];
}

/** The parts of a Vega view that are used. */
export interface View {
  data(name: string, rows: readonly object[]): View;
  runAsync(): Promise<View>;
  finalize(): void;
}

declare const vegaEmbed: (
  place: HTMLElement,
  spec: object,
  options: object,
) => Promise<{ readonly view: View }>;

const dark = matchMedia('(prefers-color-scheme: dark)');

/** A chart in its place: redrawn when the theme or the width changes. */
export interface Chart {
  /** Draws a specification; its width is that of the place. */
  draw(spec: object): Promise<void>;
  /** Replaces the rows of a dataset of the chart that is drawn. */
  update(name: string, rows: readonly object[]): Promise<void>;
  clear(): void;
}

export function chartIn(place: HTMLElement, theme: Theme): Chart {
  let view: View | null = null;
  let spec: object | null = null;
  let width = 0;
  const changed = new Map<string, readonly object[]>();

  const render = async (): Promise<void> => {
    if (spec === null) return;
    width = place.clientWidth;
    const whole = {
      $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
      width: 'container',
      autosize: { type: 'fit-x', contains: 'padding' },
      config: {
        ...theme.config,
        legend: { ...theme.config.legend, columns: Math.max(1, Math.floor(width / 260)) },
      },
      ...spec,
    };
    const colors = dark.matches ? theme.darkOf : {};
    const { view: drawn } = await vegaEmbed(place, recolor(whole, colors) as object, {
      mode: 'vega-lite',
      ast: true,
      actions: false,
      defaultStyle: false,
      renderer: 'svg',
      tooltip: { disableDefaultStyle: true },
    });
    view?.finalize();
    view = drawn;
    for (const [name, rows] of changed) view.data(name, rows);
    if (changed.size > 0) await view.runAsync();
  };
  let rendering = Promise.resolve();
  const queue = (): Promise<void> => {
    rendering = rendering.then(render, render);
    return rendering;
  };

  dark.addEventListener('change', () => void queue());
  let resizing = 0;
  addEventListener('resize', () => {
    clearTimeout(resizing);
    resizing = setTimeout(() => {
      if (place.clientWidth !== width) void queue();
    }, 150);
  });
  return {
    draw: (next) => {
      spec = next;
      changed.clear();
      return queue();
    },
    update: async (name, rows) => {
      if (spec === null) return;
      changed.set(name, rows);
      await rendering;
      await view?.data(name, rows).runAsync();
    },
    clear: () => {
      spec = null;
      view?.finalize();
      view = null;
      place.replaceChildren();
    },
  };
}

/** The specification with its light colours replaced; data stay as they are. */
function recolor(node: unknown, colors: Readonly<Record<string, string>>): unknown {
  if (typeof node === 'string') return colors[node] ?? node;
  if (Array.isArray(node)) return (node as unknown[]).map((item) => recolor(item, colors));
  if (node === null || typeof node !== 'object') return node;
  const entries = Object.entries(node as Readonly<Record<string, unknown>>).map(([name, value]) => [
    name,
    name === 'values' || name === 'datasets' ? value : recolor(value, colors),
  ]);
  return Object.fromEntries(entries) as unknown;
}

export interface LineChart {
  /** Dataset of rows with `series`, and the two fields. */
  readonly data: object;
  readonly x: { readonly field: string; readonly title: string; readonly log: boolean };
  readonly y: { readonly field: string; readonly title: string; readonly log: boolean };
  readonly series: readonly string[];
  readonly height: number;
}

/** Lines of one colour and dash a series, with the values under the pointer. */
export function lineSpec({ data, x, y, series, height }: LineChart, theme: Theme): object {
  const dashes = [
    [1, 0],
    [6, 3],
    [2, 2],
  ];
  const scaleOf = (log: boolean): object =>
    log ? { type: 'log', nice: false } : { type: 'linear', zero: false, nice: false };
  // Both channels have one field, so they share a legend.
  const legend = series.length > 1 ? { symbolType: 'stroke' } : null;
  const bySeries = (range: readonly unknown[]): object => ({
    field: 'series',
    type: 'nominal',
    scale: { domain: series, range },
    legend,
  });
  const colors = series.map((_, i) => theme.colors[i % theme.colors.length]);
  const patterns = series.map((_, i) => dashes[Math.floor(i / theme.colors.length) % dashes.length]);
  return {
    data,
    height,
    encoding: {
      x: {
        field: x.field,
        type: 'quantitative',
        scale: scaleOf(x.log),
        axis: { title: x.title, tickCount: x.log ? 6 : 8, format: '~s' },
      },
      y: {
        field: y.field,
        type: 'quantitative',
        scale: { ...scaleOf(y.log), nice: true },
        axis: { title: y.title, tickCount: 5 },
      },
      color: bySeries(colors),
    },
    layer: [
      { mark: { type: 'line', strokeWidth: 1.6, clip: true }, encoding: { strokeDash: bySeries(patterns) } },
      {
        mark: { type: 'point', opacity: 0, size: 60 },
        encoding: {
          tooltip: [
            { field: 'series', title: 'Run' },
            { field: x.field, title: x.title, format: ',.4~g' },
            { field: y.field, title: y.title, format: '.5~g' },
          ],
        },
      },
    ],
  };
}
