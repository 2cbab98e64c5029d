/** How the best size moves with compute: FLOPs per token of the optima and the law through them. */
import type { ReportContext } from '../context.js';
import { archsOfFamily } from '../context.js';
import { formatPowerOfTen, formatShortCount } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { powerText, shortInterval } from '../text.js';
import {
  budgetTicks,
  computeAxis,
  FORMAT,
  optimumLayers,
  paddedDomain,
  POWER_OF_TEN_LABEL,
  seriesEncoding,
  SHOWN,
  tip,
  TITLE_ABOVE,
  type Chart,
} from './chart.js';
import { niceLogTicks } from './ticks.js';

const OPTIMUM = [
  'arch',
  'budgetFlops',
  'flops',
  'flopsPerToken',
  'low',
  'high',
  'params',
  'tokens',
  'label',
] as const;
const LINE = ['arch', 'flops', 'flopsPerToken'] as const;

/** Optimal size against compute in one family; null where no architecture has a law of it. */
export function optimalSizeChart(context: ReportContext, positions: string): Chart | null {
  const laws = context.analysis.frontier.flatMap(({ arch, positions: own, optimalFlopsPerToken: law }) =>
    own !== positions || law === null ? [] : [{ arch, law }],
  );
  if (laws.length === 0) return null;
  const archs = archsOfFamily(context, positions).filter((arch) => laws.some((law) => law.arch === arch));
  const optima = context.analysis.isoflop.flatMap(({ arch, budgetFlops, optimum }) =>
    optimum === null || !archs.includes(arch)
      ? []
      : [
          {
            arch,
            budgetFlops,
            flops: optimum.flops,
            flopsPerToken: optimum.flopsPerToken.value,
            low: optimum.flopsPerToken.low,
            high: optimum.flopsPerToken.high,
            params: optimum.paramsNonEmbedding,
            tokens: optimum.tokens,
            label: shortInterval(optimum.flopsPerToken, formatPowerOfTen),
          },
        ],
  );
  const lines = laws.flatMap(({ arch, law }) =>
    law.range.map((flops) => ({
      arch,
      flops,
      flopsPerToken: law.coefficient.value * flops ** law.exponent.value,
    })),
  );
  const ends = optima.flatMap((o) => [o.flopsPerToken, o.low, o.high]).filter((value) => value !== null);
  const sizes = paddedDomain([...ends, ...lines.map((line) => line.flopsPerToken)], 'log');
  const { color, shape, strokeDash } = seriesEncoding(context.styles, archs);
  const x = computeAxis(
    'flops',
    'Training compute, FLOPs',
    paddedDomain(
      optima.map((o) => o.flops),
      'log',
    ),
    budgetTicks(optima.map((o) => o.budgetFlops)),
  );
  const y = {
    field: 'flopsPerToken',
    type: 'quantitative',
    scale: { type: 'log', domain: sizes, nice: false },
    axis: {
      title: 'Optimal size, training FLOPs per token',
      values: niceLogTicks(sizes, 6),
      labelExpr: POWER_OF_TEN_LABEL,
      ...TITLE_ABOVE,
    },
  };
  const exponents = laws.map(({ arch, law }) => `${arch} ${shortInterval(law.exponent, powerText(2))}`);
  const main = positions === context.families[0];
  return {
    id: main ? 'optimal-size' : `optimal-size-${positions}`,
    title: `Optimal size against compute, ${positions} positions`,
    caption: rich`The size with the lowest loss at each budget, with its 95% interval, and the power law through the optima. FLOPs per token need no convention of counting parameters; the table of laws has the exponents in parameters and in tokens.`,
    alt: `Optimal FLOPs per token against compute. Exponents: ${exponents.join('; ')}.`,
    layout: { kind: 'single', height: 300 },
    archs,
    scales: { x: 'log', y: 'log' },
    datasets: { optima: datasetOf(OPTIMUM, optima), lines: datasetOf(LINE, lines) },
    spec: {
      encoding: { x },
      layer: [
        {
          data: { name: 'lines' },
          transform: [SHOWN],
          mark: { type: 'line', aria: false },
          encoding: { y, color, strokeDash },
        },
        ...optimumLayers(y, { color, shape }, 80, [
          tip('arch', 'Architecture'),
          tip('flops', 'FLOPs', FORMAT.flops),
          tip('label', 'Optimal FLOPs per token'),
          tip('params', 'Parameters (no embedding or output matrices)', FORMAT.short),
          tip('tokens', 'Tokens', FORMAT.short),
        ]),
      ],
    },
    table: {
      caption: `Optimal size of each budget, ${positions} positions`,
      dataset: datasetOf(OPTIMUM, optima),
      columns: [
        { field: 'arch', label: 'Architecture' },
        { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
        { field: 'label', label: 'Optimal FLOPs per token (95%)' },
        { field: 'params', label: 'Parameters, no embedding or output matrices', format: formatShortCount },
        { field: 'tokens', label: 'Tokens', format: formatShortCount },
      ],
    },
  };
}
