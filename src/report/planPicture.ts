/** The picture of a plan: the sizes of each budget on the isoFLOP curves they are predicted to have. */
import type { PredictedGrid } from '../fit/predictedCurves.js';
import { formatPowerOfTen, formatShortCount } from './format.js';
import { textPlot } from './terminal/textPlot.js';
import { renderSvg } from './svg.js';
import { CATEGORY_COLORS, chartConfig, FIGURE_FONT } from './theme.js';

const WIDTH = 90;
const MIN_WIDTH = 40;
const HEIGHT = 18;

/** @param columns of the terminal, where known */
export function planPictureText(grid: PredictedGrid, columns: number | undefined): string {
  const lines = textPlot({
    series: grid.budgets.map(({ budgetFlops, curve, points }) => ({
      label: `${formatPowerOfTen(budgetFlops)} FLOPs`,
      points: points.map(({ params, lossNats }) => [params, lossNats] as const),
      line: curve.map(({ params, lossNats }) => [params, lossNats] as const),
    })),
    xLabel: 'parameters (without the embedding)',
    yLabel: 'predicted loss, nats per token',
    formatX: (params) => formatShortCount(params),
    formatY: (loss) => loss.toFixed(2),
    width: Math.max(MIN_WIDTH, Math.min(columns ?? WIDTH, WIDTH)),
    height: HEIGHT,
  });
  return [...lines, ...optimaLines(grid)].join('\n');
}

function optimaLines({ law, optima }: PredictedGrid): string[] {
  return [
    `The curves are by ${law}.`,
    ...optima.map(
      ({ budgetFlops, params, place }) =>
        `  best size at ${formatPowerOfTen(budgetFlops)} FLOPs: about ${formatShortCount(params)} parameters, ${place}`,
    ),
  ];
}

/** The same picture as an SVG file. */
export async function planSvg(grid: PredictedGrid): Promise<string> {
  const budget = (flops: number): string => `${formatPowerOfTen(flops)} FLOPs`;
  const row = (budgetFlops: number) => (point: { params: number; lossNats: number; size?: string }) => ({
    budget: budget(budgetFlops),
    ...point,
  });
  const curves = grid.budgets.flatMap(({ budgetFlops, curve }) => curve.map(row(budgetFlops)));
  const points = grid.budgets.flatMap(({ budgetFlops, points }) => points.map(row(budgetFlops)));
  const labels = grid.budgets.map(({ budgetFlops }) => budget(budgetFlops));
  const color = {
    field: 'budget',
    type: 'nominal',
    title: 'Budget',
    scale: { domain: labels, range: labels.map((_, i) => CATEGORY_COLORS[i % CATEGORY_COLORS.length]!) },
  };
  const encoding = {
    x: {
      field: 'params',
      type: 'quantitative',
      scale: { type: 'log', nice: false },
      axis: { title: 'Parameters, without the embedding', format: '.3~s', tickCount: 5 },
    },
    y: {
      field: 'lossNats',
      type: 'quantitative',
      scale: { zero: false },
      axis: { title: 'Predicted loss, nats per token' },
    },
    color,
  };
  return renderSvg({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    description: `Planned sizes on predicted isoFLOP curves. ${optimaLines(grid).join(' ')}`,
    title: { text: 'Planned sizes on predicted isoFLOP curves', subtitle: wrapped(`By ${grid.law}.`) },
    width: 640,
    height: 380,
    config: chartConfig(FIGURE_FONT),
    layer: [
      { data: { values: curves }, mark: { type: 'line' }, encoding },
      {
        data: { values: points },
        mark: { type: 'point', filled: true, size: 60, opacity: 1 },
        encoding: { ...encoding, tooltip: [{ field: 'size' }, { field: 'params' }, { field: 'lossNats' }] },
      },
    ],
  });
}

/** Lines of at most 100 characters. */
function wrapped(text: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = `${lines.at(-1)!} ${word}`.trim();
    if (line.length > 100) lines.push(word);
    else lines[lines.length - 1] = line;
  }
  return lines;
}
