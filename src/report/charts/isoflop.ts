/** Loss against size at each budget, with the parabola whose vertex is the optimum, and minima that are not one. */
import type { IsoflopFit } from '../../fit/analysis.js';
import type { ReportContext } from '../context.js';
import { archsOfFamily } from '../context.js';
import { counted, formatLoss, formatPowerOfTen } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { shortInterval } from '../text.js';
import {
  FORMAT,
  ofKind,
  paddedDomain,
  POWER_OF_TEN_LABEL,
  seriesEncoding,
  SHOWN,
  tip,
  TITLE_ABOVE,
  type Chart,
} from './chart.js';
import { INK } from '../theme.js';
import { niceLogTicks } from './ticks.js';

const DRAWN = [
  'kind',
  'arch',
  'budget',
  'flopsPerToken',
  'lossNats',
  'low',
  'high',
  'size',
  'seeds',
  'note',
] as const;
const TABLE = [
  'arch',
  'budgetFlops',
  'accepted',
  'flopsPerToken',
  'optimum',
  'bestSize',
  'bestLossNats',
  'bestSteps',
  'nSizes',
  'nRuns',
  'note',
] as const;

/** Fewer sizes fix no minimum, so there is no curve to show. */
const LEAST_SIZES = 3;

/** IsoFLOP curves of one family of positions, a panel a budget; null where no budget has the sizes for one. */
export function isoflopChart(context: ReportContext, positions: string): Chart | null {
  const fits = context.analysis.isoflop.filter((fit) => fit.positions === positions);
  const cells = context.analysis.cells.filter((cell) => cell.positions === positions);
  if (!fits.some(({ nSizes }) => nSizes >= LEAST_SIZES)) return null;
  const archs = archsOfFamily(context, positions).filter((arch) => cells.some((cell) => cell.arch === arch));
  const budgets = [...new Set(cells.map((cell) => cell.budgetFlops))].sort((a, b) => a - b);
  const panel = (flops: number): string => `${formatPowerOfTen(flops)} FLOPs`;
  const empty = { low: null, high: null, size: null, seeds: null, note: null };
  const drawn = [
    ...fits.flatMap((fit) =>
      fit.curve.map((point) => ({
        ...empty,
        kind: 'curve',
        arch: fit.arch,
        budget: panel(fit.budgetFlops),
        ...point,
      })),
    ),
    ...cells.map((cell) => ({
      ...empty,
      kind: 'cell',
      arch: cell.arch,
      budget: panel(cell.budgetFlops),
      flopsPerToken: cell.flopsPerToken,
      lossNats: cell.lossNats,
      size: cell.size,
      seeds: cell.seeds.length,
    })),
    ...fits.map((fit) => {
      const base = { ...empty, arch: fit.arch, budget: panel(fit.budgetFlops), note: noteOf(fit) };
      if (fit.optimum === null) {
        return {
          ...base,
          kind: 'flagged',
          flopsPerToken: fit.bestCell.flopsPerToken,
          lossNats: fit.bestCell.lossNats,
        };
      }
      const { flopsPerToken, lossNats } = fit.optimum;
      return {
        ...base,
        kind: 'optimum',
        flopsPerToken: flopsPerToken.value,
        low: flopsPerToken.low,
        high: flopsPerToken.high,
        lossNats: lossNats.value,
      };
    }),
  ];
  const { color, shape, strokeDash } = seriesEncoding(context.styles, archs);
  const sizes = paddedDomain(
    cells.map((cell) => cell.flopsPerToken),
    'log',
    0.08,
  );
  const x = {
    field: 'flopsPerToken',
    type: 'quantitative',
    scale: { type: 'log', domain: sizes, nice: false },
    axis: {
      title: 'Size: training FLOPs per token',
      values: niceLogTicks(sizes, 4),
      labelExpr: POWER_OF_TEN_LABEL,
    },
  };
  const y = {
    field: 'lossNats',
    type: 'quantitative',
    scale: { zero: false, nice: true, padding: 8 },
    axis: { title: 'Test loss, nats per token', tickCount: 5, format: '.3~f', ...TITLE_ABOVE },
  };
  const place = [
    tip('arch', 'Architecture'),
    tip('budget', 'Budget'),
    tip('flopsPerToken', 'FLOPs per token', FORMAT.flops),
    tip('lossNats', 'Test loss, nats', FORMAT.loss),
  ];
  const flagged = fits.filter((fit) => !fit.accepted).length;
  const main = positions === context.families[0];
  return {
    id: main ? 'isoflop' : `isoflop-${positions}`,
    title: `Loss against size at each budget, ${positions} positions`,
    caption: rich`Each panel spends one training budget on different sizes. Marks are the sizes trained (mean over seeds), lines the parabola in log size; a filled diamond is an accepted optimum with the 95% interval of its size. ${flagged === 0 ? 'Every minimum was accepted.' : `A cross marks the best size where no minimum was accepted (${flagged} of ${fits.length}); those stay out of the laws, and the table says why.`}`,
    alt: `Loss against size at ${counted(budgets.length, 'budget')}. ${fits.map((fit) => `${fit.arch} at ${panel(fit.budgetFlops)}: ${fit.accepted ? 'optimum accepted' : 'no optimum accepted'}, best size ${fit.bestCell.size}.`).join(' ')}`,
    layout: { kind: 'panels', panels: budgets.length, minWidth: 205, height: 250 },
    archs,
    scales: { x: 'log' },
    datasets: { isoflop: datasetOf(DRAWN, drawn) },
    spec: {
      data: { name: 'isoflop' },
      transform: [SHOWN],
      facet: { field: 'budget', type: 'nominal', sort: budgets.map(panel), header: { title: null } },
      resolve: { scale: { y: 'independent' } },
      spec: {
        layer: [
          {
            transform: [ofKind('curve')],
            mark: { type: 'line', strokeWidth: 1.5, aria: false },
            encoding: { x, y, color, strokeDash, order: { field: 'flopsPerToken', type: 'quantitative' } },
          },
          {
            transform: [ofKind('cell')],
            mark: { type: 'point', size: 40, fill: INK.paper },
            encoding: {
              x,
              y,
              color,
              shape,
              tooltip: [...place, tip('size', 'Size (width x layers)'), tip('seeds', 'Seeds')],
            },
          },
          {
            transform: [ofKind('optimum')],
            mark: { type: 'rule', strokeWidth: 1.5, aria: false },
            encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y, color },
          },
          {
            transform: [ofKind('optimum')],
            mark: { type: 'point', shape: 'diamond', filled: true, size: 85, opacity: 1 },
            encoding: { x, y, color, tooltip: [...place, tip('note', 'Note')] },
          },
          {
            transform: [ofKind('flagged')],
            mark: {
              type: 'point',
              shape: 'm-.5,-.5l1,1m0,-1l-1,1',
              size: 170,
              strokeWidth: 2.2,
              filled: false,
            },
            encoding: { x, y, color, tooltip: [...place, tip('note', 'Not accepted')] },
          },
        ],
      },
    },
    table: {
      caption: `Optimal size at each budget, ${positions} positions`,
      dataset: datasetOf(TABLE, fits.map(tableRow)),
      columns: [
        { field: 'arch', label: 'Architecture' },
        { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
        { field: 'accepted', label: 'Accepted' },
        { field: 'optimum', label: 'Optimal FLOPs per token (95%)' },
        { field: 'bestSize', label: 'Best size trained' },
        { field: 'bestLossNats', label: 'Its loss, nats', format: formatLoss },
        { field: 'bestSteps', label: 'Its steps', format: (steps) => steps.toFixed(0) },
        { field: 'nSizes', label: 'Sizes' },
        { field: 'nRuns', label: 'Runs' },
        { field: 'note', label: 'Notes' },
      ],
    },
  };
}

function noteOf(fit: IsoflopFit): string | null {
  const notes = [...(fit.reason === null ? [] : [fit.reason]), ...fit.flags];
  return notes.length === 0 ? null : notes.join(' ');
}

function tableRow(fit: IsoflopFit): Record<(typeof TABLE)[number], string | number | boolean | null> {
  return {
    arch: fit.arch,
    budgetFlops: fit.budgetFlops,
    accepted: fit.accepted,
    flopsPerToken: fit.optimum?.flopsPerToken.value ?? null,
    optimum: fit.optimum === null ? null : shortInterval(fit.optimum.flopsPerToken, formatPowerOfTen),
    bestSize: fit.bestCell.size,
    bestLossNats: fit.bestCell.lossNats,
    bestSteps: fit.bestCell.steps,
    nSizes: fit.nSizes,
    nRuns: fit.nRuns,
    note: noteOf(fit),
  };
}
