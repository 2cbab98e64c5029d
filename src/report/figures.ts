/** The charts as SVG and PNG files of one width, in the light theme, with legends. */
import { assembleSpec } from './assemble.js';
import type { Chart } from './charts/chart.js';
import { renderPng, renderSvg } from './svg.js';
import { chartConfig, FIGURE_FONT } from './theme.js';

/** Width of a figure in pixels: readable in a README and across a page of a paper. */
export const FIGURE_WIDTH = 760;

export interface Figure {
  readonly id: string;
  readonly svg: string;
  readonly png: Uint8Array;
}

export async function renderFigure(chart: Chart, onWarning?: (warning: string) => void): Promise<Figure> {
  const spec = assembleSpec(chart, {
    width: FIGURE_WIDTH,
    config: chartConfig(FIGURE_FONT),
    standalone: true,
    colors: {},
    scales: {},
    hidden: [],
  });
  const svg = await renderSvg(spec, onWarning);
  return { id: chart.id, svg, png: await renderPng(svg) };
}
