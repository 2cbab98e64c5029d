/** Follows the server's events: sweeps, runs under way and their losses, as they change. */
import type { CurvePoint, LiveCurves, LiveRun, LiveState, LiveSweep } from '../live/messages.js';
import { chartIn, lineSpec, type Theme } from './chart.js';
import { byId, pageData, showTable } from './dom.js';
import { count, duration, percent, power } from './format.js';

interface OverviewData {
  readonly state: LiveState;
  /** The sweep that the page is about; all of them where null. */
  readonly sweep: string | null;
  readonly theme: Theme;
}

/** Curves drawn at once, and points of each. */
const CURVES = 12;
const POINTS = 1200;

const { state: initial, sweep, theme } = pageData() as OverviewData;
const liveSection = document.getElementById('live');
const chart = liveSection === null ? null : chartIn(byId('live-chart'), theme);
const curves = new Map<string, readonly CurvePoint[]>();
let current = initial;
/** The series that the chart was drawn with. */
let drawn = '';

const isHere = (run: LiveRun): boolean => sweep === null || run.sweeps.includes(sweep);

function sweepCells(entry: LiveSweep): Parameters<typeof showTable>[3][number] {
  const { counts, runs, flops, flopsDone, imported } = entry;
  const ended = counts.done + counts.diverged;
  const notable = (['running', 'interrupted', 'failed', 'diverged', 'planned'] as const)
    .filter((status) => counts[status] > 0)
    .map((status) => `${counts[status]} ${status}`);
  const left = entry.secondsLeft === null ? '' : `about ${duration(entry.secondsLeft)}`;
  const share = flops === 0 ? 0 : Math.min(1, flopsDone / flops);
  return {
    key: entry.sweep,
    cells: [
      { text: entry.title ?? entry.sweep, href: `/sweeps/${encodeURIComponent(entry.sweep)}` },
      { share, text: percent(share) },
      { text: imported ? `${runs} imported` : `${ended} of ${runs}`, numeric: true },
      { text: notable.join(', ') },
      { text: power(flops), numeric: true },
      { text: entry.tokensPerSecond > 0 ? count(entry.tokensPerSecond) : '', numeric: true },
      { text: left, numeric: true },
      { text: 'report', href: `/reports/${encodeURIComponent(entry.sweep)}` },
    ],
  };
}

function runCells(run: LiveRun): Parameters<typeof showTable>[3][number] {
  const { worker } = run;
  return {
    key: run.runKey,
    cells: [
      { text: run.runKey, href: `/runs/${run.runKey}`, className: 'key' },
      { text: run.arch },
      { text: `${run.dModel} × ${run.nLayers}`, numeric: true },
      { text: power(run.budgetFlops), numeric: true },
      { text: String(run.seed), numeric: true },
      { share: run.step / run.steps, text: `${run.step} of ${run.steps}` },
      { text: run.lossNats === null ? '–' : run.lossNats.toFixed(3), numeric: true },
      { text: run.tokensPerSecond === null ? '–' : count(run.tokensPerSecond), numeric: true },
      { text: run.secondsLeft === null ? '–' : duration(run.secondsLeft), numeric: true },
      { text: worker === null ? '–' : `${worker.host}, process ${worker.pid}` },
    ],
  };
}

const SWEEP_HEADS = [
  { label: 'Sweep' },
  { label: 'Done' },
  { label: 'Runs', numeric: true },
  { label: 'Others' },
  { label: 'FLOPs', numeric: true },
  { label: 'Tokens/s', numeric: true },
  { label: 'Time left', numeric: true },
  { label: 'Report' },
];
const RUN_HEADS = [
  { label: 'Run' },
  { label: 'Architecture' },
  { label: 'Size', numeric: true },
  { label: 'Budget, FLOPs', numeric: true },
  { label: 'Seed', numeric: true },
  { label: 'Steps' },
  { label: 'Loss, nats', numeric: true },
  { label: 'Tokens/s', numeric: true },
  { label: 'Time left', numeric: true },
  { label: 'Worker' },
];

function showState(state: LiveState): void {
  current = state;
  const sweeps = state.sweeps.filter((entry) => sweep === null || entry.sweep === sweep);
  showTable(byId('sweeps'), 'Sweeps', SWEEP_HEADS, sweeps.map(sweepCells));
  if (liveSection === null) return;
  const runs = state.runs.filter(isHere);
  byId('idle').hidden = runs.length > 0;
  byId('workers').hidden = runs.length === 0;
  showTable(byId('workers'), 'Runs under way', RUN_HEADS, runs.map(runCells));
  void showCurves();
}

function labelOf(run: LiveRun): string {
  return `${run.arch} ${run.dModel} × ${run.nLayers}, seed ${run.seed} (${run.runKey.slice(0, 6)})`;
}

async function showCurves(): Promise<void> {
  if (chart === null) return;
  const runs = current.runs
    .filter((run) => isHere(run) && (curves.get(run.runKey)?.length ?? 0) > 1)
    .slice(0, CURVES);
  byId('live-figure').hidden = runs.length === 0;
  const series = runs.map(labelOf);
  const values = runs.flatMap((run, i) =>
    curves.get(run.runKey)!.map(([step, , , lossNats]) => ({ series: series[i], step, lossNats })),
  );
  const key = series.join('|');
  if (key === drawn) {
    await chart.update('points', values);
    return;
  }
  drawn = key;
  if (series.length === 0) {
    chart.clear();
    return;
  }
  const data = { name: 'points', values };
  const x = { field: 'step', title: 'Step', log: true };
  const y = { field: 'lossNats', title: 'Training loss, nats per token', log: false };
  await chart.draw(lineSpec({ data, x, y, series, height: 300 }, theme));
}

function takeCurves({ whole, curves: fresh }: LiveCurves): void {
  for (const [runKey, points] of Object.entries(fresh)) {
    let all = whole ? points : [...(curves.get(runKey) ?? []), ...points];
    while (all.length > POINTS) all = all.filter((_, i) => i % 2 === 0 || i === all.length - 1);
    curves.set(runKey, all);
  }
  void showCurves();
}

showState(initial);
const source = new EventSource('/api/live');
const connection = document.getElementById('connection');
source.addEventListener('state', (event) => {
  if (connection !== null) connection.hidden = true;
  showState(JSON.parse(event.data as string) as LiveState);
});
source.addEventListener('curves', (event) => {
  takeCurves(JSON.parse(event.data as string) as LiveCurves);
});
source.addEventListener('error', () => {
  if (connection === null) return;
  connection.hidden = false;
  connection.textContent =
    'The server does not answer, so what is shown may be old. Is isoloss serve still running? Trying again …';
});
document.documentElement.dataset['ready'] = 'true';
