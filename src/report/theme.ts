/** Colours, shapes and the Vega configuration. Charts are written in the light palette; dark is a mapping of it. */
import type { Config } from 'vega-lite';

/**
 * Found by a search for the largest least distance (OKLab) between any two of the seven under normal sight,
 * protanopia, deuteranopia and tritanopia (Machado et al. 2009), each with a contrast of at least 3 to the page.
 */
const SERIES_LIGHT = ['#272b33', '#1855ca', '#cd6a12', '#229d86', '#a20977', '#6d4b00', '#a579ee'] as const;
const SERIES_DARK = ['#e9eff9', '#3d9bff', '#f0703a', '#77d4aa', '#c583b3', '#efae2d', '#c1a7f8'] as const;

/** Colours of what is not data. */
export const INK = {
  text: '#1d2129',
  muted: '#5a6270',
  rule: '#8b93a1',
  grid: '#e4e7ec',
  paper: '#ffffff',
} as const;

const INK_DARK: Record<keyof typeof INK, string> = {
  text: '#e6e9ef',
  muted: '#a3abb8',
  rule: '#7c8594',
  grid: '#2c323c',
  paper: '#14171c',
};

/** Light colour to dark colour, for every colour a chart may name. */
export const DARK_OF: Readonly<Record<string, string>> = Object.fromEntries<string>([
  ...SERIES_LIGHT.map((light, i) => [light, SERIES_DARK[i]!] as const),
  ...(Object.keys(INK) as (keyof typeof INK)[]).map((name) => [INK[name], INK_DARK[name]] as const),
]);

const SHAPES = [
  'circle',
  'square',
  'triangle-up',
  'diamond',
  'cross',
  'triangle-down',
  'triangle-right',
] as const;
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 2], [8, 3, 2, 3]];

/** How one architecture is drawn everywhere in a report. */
export interface SeriesStyle {
  readonly color: string;
  readonly shape: string;
  readonly dash: readonly number[];
}

/**
 * Gives each architecture its style: the colour belongs to its part and the dash to the family of positions, so that
 * what is compared in two families is recognised; the shape belongs to both. After seven parts colours repeat, with
 * other shapes and dashes.
 *
 * @param archs - in the order in which colours are given out (baselines first).
 */
export function seriesStyles(
  archs: readonly { readonly arch: string; readonly part: string; readonly positions: string }[],
): ReadonlyMap<string, SeriesStyle> {
  const parts = [...new Set(archs.map((a) => a.part))];
  const families = [...new Set(archs.map((a) => a.positions))];
  return new Map(
    archs.map(({ arch, part, positions }) => {
      const i = parts.indexOf(part);
      const family = families.indexOf(positions);
      const round = Math.floor(i / SERIES_LIGHT.length);
      return [
        arch,
        {
          color: SERIES_LIGHT[i % SERIES_LIGHT.length]!,
          shape: SHAPES[(i + round + 4 * family) % SHAPES.length]!,
          dash: DASHES[(family + round) % DASHES.length]!,
        },
      ];
    }),
  );
}

/** Colours of series that are not architectures (groups of parameters, kinds of operation). */
export const CATEGORY_COLORS: readonly string[] = [1, 3, 2, 6, 4, 5, 0].map((i) => SERIES_LIGHT[i]!);

/** A series that is not an architecture. */
export interface CategorySeries {
  readonly name: string;
  readonly color: string;
  readonly shape: string;
}

/** What a comparison says, as a series: told apart by colour and by shape. */
export const VERDICT_SERIES: readonly CategorySeries[] = [
  { name: 'better', color: SERIES_LIGHT[1], shape: 'circle' },
  { name: 'not told apart', color: INK.muted, shape: 'diamond' },
  { name: 'worse', color: SERIES_LIGHT[2], shape: 'square' },
  { name: 'no interval', color: INK.muted, shape: 'cross' },
];

/** The font of SVG and PNG files. Verdana, its fallback, has nearly the same widths. */
export const FIGURE_FONT = 'DejaVu Sans, Verdana, sans-serif';

/** The font of the charts in the page, that of the page itself. */
export const PAGE_FONT =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif';

/** The look shared by all charts. */
export function chartConfig(font: string): Config {
  return {
    font,
    background: INK.paper,
    padding: 4,
    view: { stroke: null, continuousWidth: 560, continuousHeight: 320 },
    axis: {
      labelColor: INK.muted,
      labelFontSize: 11,
      titleColor: INK.text,
      titleFontSize: 11.5,
      titleFontWeight: 'normal',
      titlePadding: 8,
      gridColor: INK.grid,
      domainColor: INK.rule,
      tickColor: INK.rule,
      tickSize: 4,
      labelOverlap: 'greedy',
      labelSeparation: 5,
    },
    axisY: { domain: false, ticks: false, labelPadding: 6 },
    axisX: { grid: false },
    header: {
      labelColor: INK.text,
      labelFontSize: 12,
      labelFontWeight: 'bold',
      title: null,
      labelAnchor: 'start',
      labelPadding: 6,
    },
    legend: {
      orient: 'top',
      direction: 'horizontal',
      labelColor: INK.text,
      labelFontSize: 11.5,
      labelLimit: 260,
      symbolSize: 60,
      symbolStrokeWidth: 2,
      columnPadding: 18,
      title: null,
      padding: 0,
      offset: 26,
      columns: 5,
    },
    point: { size: 44, strokeWidth: 1.5 },
    line: { strokeWidth: 1.8 },
    rule: { color: INK.rule },
    text: { color: INK.text, fontSize: 11 },
    range: { category: [...SERIES_LIGHT] },
  };
}
