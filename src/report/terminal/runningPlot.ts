/** Learning curves of the runs under way, for `isoloss status`. */
import type { RunState, SweepState } from '../../sweeps/status.js';
import { readableMetrics } from '../../store/metricsLog.js';
import { findRun } from '../../store/runDirectory.js';
import { thinLogSpaced } from '../../store/thin.js';
import { formatLoss, formatPercent, formatPowerOfTen } from '../format.js';
import { MARKS, textPlot, type TextSeries } from './textPlot.js';

const HEIGHT = 10;
const POINTS = 40;
const WIDEST = 100;
const BAR = 24;

/**
 * How far the running runs of each sweep are, and their losses against compute; empty where none runs.
 *
 * @param columns of the terminal
 */
export function runningText(resultsDir: string, states: readonly SweepState[], columns: number): string {
  const parts = states.flatMap(({ sweep, runs }) => {
    const running = runs.filter((run) => run.status === 'running');
    if (running.length === 0) return [];
    const labels = running.map(labelOf);
    const widest = Math.max(...labels.map((label) => label.length));
    const curves = running.map((run) => curveOf(resultsDir, run));
    const bars = running.map((run, i) => {
      // The table of `statusText` says what is wrong with it, and where.
      const damage = curves[i] === null ? '  no curve: its metrics.jsonl is damaged' : '';
      return `${labels[i]!.padEnd(widest)}  ${barOf(run)}${damage}`;
    });
    const drawn = curves.flatMap((points, i): TextSeries[] =>
      points === null || points.length === 0 ? [] : [{ label: labels[i]!, points, line: [] }],
    );
    const plot = textPlot({
      // As many as can be told apart.
      series: drawn.slice(0, MARKS.length),
      xLabel: 'training FLOPs',
      yLabel: 'training loss, nats per token',
      formatX: (flops) => formatPowerOfTen(flops, 2),
      formatY: formatLoss,
      width: Math.max(40, Math.min(WIDEST, columns)),
      height: HEIGHT,
    });
    return [[`${sweep}, under way:`, ...bars, ...(plot.length === 0 ? [] : ['', ...plot])].join('\n')];
  });
  return parts.join('\n\n');
}

function labelOf({ arch, dModel, nLayers, budgetFlops, seed }: RunState): string {
  return `${arch} ${dModel}x${nLayers} ${budgetFlops.toExponential().replace('e+', 'e')} seed ${seed}`;
}

/** `████░░░░ 50.0%  400 of 800 steps  loss 4.321`. */
function barOf({ stepsDone, steps, lossNats }: RunState): string {
  const share = steps === null ? 0 : Math.min(1, stepsDone / steps);
  const full = Math.round(share * BAR);
  const loss = lossNats === null ? '' : `  loss ${formatLoss(lossNats)}`;
  return `${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${formatPercent(share).padStart(6)}  ${stepsDone} of ${steps ?? '?'} steps${loss}`;
}

/** Compute and loss along a run; null where its metrics are damaged, which is no reason not to show the others. */
function curveOf(resultsDir: string, { runKey }: RunState): TextSeries['points'] | null {
  const known = findRun(resultsDir, runKey);
  if (known === null) return [];
  const { rows, damage } = readableMetrics(known.found.directory);
  if (damage !== null) return null;
  const finite = rows.flatMap((row) =>
    row.kind === 'train' && row.lossNats !== null ? [[row.flops, row.lossNats] as const] : [],
  );
  return thinLogSpaced(finite, POINTS);
}
