/** Learning curves of the runs under way, for `isoloss status`. */
import type { RunState, SweepState } from '../../sweeps/status.js';
import { readMetrics } from '../../store/metricsLog.js';
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
    const bars = running.map((run, i) => `${labels[i]!.padEnd(widest)}  ${barOf(run)}`);
    // As many as can be told apart.
    const drawn = running.slice(0, MARKS.length).map((run, i) => seriesOf(resultsDir, run, labels[i]!));
    const plot = textPlot({
      series: drawn.filter(({ points }) => points.length > 0),
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

function seriesOf(resultsDir: string, { runKey }: RunState, label: string): TextSeries {
  const known = findRun(resultsDir, runKey);
  const rows = known === null ? [] : readMetrics(known.found.directory).rows;
  const finite = rows.flatMap((row) =>
    row.kind === 'train' && row.lossNats !== null ? [[row.step, row.flops, row.lossNats] as const] : [],
  );
  const kept = thinLogSpaced(
    finite.map(([step, flops, lossNats]) => ({ step, flops, lossNats })),
    POINTS,
  );
  return { label, points: kept.map(({ flops, lossNats }) => [flops, lossNats] as const), line: [] };
}
