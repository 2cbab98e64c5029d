/**
 * What goes on in the results at the moment: looks at the run directories while someone watches, and at nothing while
 * nobody does. Runs under way are known from the index; how far they are, from their own files.
 */
import { join } from 'node:path';
import { readLock } from '../../store/lock.js';
import type { TrainRow } from '../../store/record.js';
import { thinLogSpaced } from '../../store/thin.js';
import { isWorkedOn } from '../../store/workedOn.js';
import type { ServedIndex } from '../servedIndex.js';
import type { CurvePoint, LiveCurves, LiveRun, LiveState } from './messages.js';
import { readSweeps } from './sweeps.js';
import { tailMetrics, type Tail } from './tail.js';

const LOOK_MS = 1000;
/** Seconds of training over which the speed is taken. */
const SPEED_SECONDS = 15;
/** Points of one curve that a page gets to begin with. */
const CURVE_POINTS = 400;

export interface Watcher {
  state(state: LiveState): void;
  curves(curves: LiveCurves): void;
}

export interface Monitor {
  /** The state of the moment, looked at now. */
  look(): LiveState;
  /** Tells a watcher everything, then every change. @returns what ends that */
  watch(watcher: Watcher): () => void;
  close(): void;
}

/** A run under way, as it was last seen. */
interface Followed {
  readonly runKey: string;
  readonly directory: string;
  readonly tail: Tail;
  rows: TrainRow[];
}

interface RunningRow {
  readonly runKey: string;
  readonly directory: string;
  readonly arch: string;
  readonly dModel: number;
  readonly nLayers: number;
  readonly budgetFlops: number;
  readonly seed: number;
  readonly steps: number;
  readonly stepsDone: number;
  readonly tokensPerStep: number;
  readonly flopsPerStep: number;
  readonly sweeps: string | null;
}

const RUNNING = `
SELECT r.runKey, r.directory, r.arch, r.dModel, r.nLayers, r.budgetFlops, r.seed, r.steps, r.stepsDone, r.tokensPerStep,
  r.flopsPerStep, (SELECT json_group_array(m.sweep) FROM sweep_runs m WHERE m.runKey = r.runKey) AS sweeps
FROM runs r WHERE r.status = 'running' ORDER BY r.startedAt, r.runKey`;

/** @param onError told of errors while somebody watches, each once until another one comes */
export function startMonitor(
  resultsDir: string,
  index: ServedIndex,
  onError: (message: string) => void,
): Monitor {
  const watchers = new Set<Watcher>();
  const followed = new Map<string, Followed>();
  let timer: NodeJS.Timeout | null = null;
  let told = '';

  const look = (): { state: LiveState; fresh: LiveCurves; restarted: LiveCurves } => {
    const fresh: Record<string, readonly CurvePoint[]> = {};
    const restarted: Record<string, readonly CurvePoint[]> = {};
    const live: { run: LiveRun; row: RunningRow }[] = [];
    const orphans: RunningRow[] = [];
    const present = new Set<string>();
    for (const row of index.rows<RunningRow>(RUNNING)) {
      const directory = join(resultsDir, row.directory);
      if (!isWorkedOn(directory)) {
        orphans.push(row);
        continue;
      }
      present.add(row.runKey);
      const entry = followed.get(row.runKey) ?? {
        runKey: row.runKey,
        directory,
        tail: tailMetrics(directory),
        rows: [],
      };
      followed.set(row.runKey, entry);
      const { rows, restarted: again } = entry.tail.read();
      entry.rows = again ? [...rows] : [...entry.rows, ...rows];
      if (again) restarted[row.runKey] = curveOf(entry);
      else if (rows.length > 0) fresh[row.runKey] = thinLogSpaced(rows.map(toPoint), CURVE_POINTS);
      live.push({ run: toLiveRun(row, entry), row });
    }
    for (const runKey of followed.keys()) if (!present.has(runKey)) followed.delete(runKey);
    const sweeps = readSweeps(index, {
      orphans: orphans.map(({ runKey }) => runKey),
      running: live.map(({ run, row }) => ({
        runKey: run.runKey,
        step: run.step,
        steps: run.steps,
        flopsPerStep: row.flopsPerStep,
        tokensPerStep: row.tokensPerStep,
        tokensPerSecond: run.tokensPerSecond ?? 0,
      })),
    });
    return {
      state: { sweeps, runs: live.map(({ run }) => run) },
      fresh: { whole: false, curves: fresh },
      restarted: { whole: true, curves: restarted },
    };
  };

  const tell = (): LiveState => {
    const { state, fresh, restarted } = look();
    const text = JSON.stringify(state);
    for (const watcher of watchers) {
      if (text !== told) watcher.state(state);
      if (Object.keys(restarted.curves).length > 0) watcher.curves(restarted);
      if (Object.keys(fresh.curves).length > 0) watcher.curves(fresh);
    }
    told = text;
    return state;
  };

  let failure = '';
  /** A look that fails, as while the results folder is away, must not end the server: the next one may succeed. */
  const tick = (): void => {
    try {
      tell();
      failure = '';
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== failure) onError(`Following the runs: ${message}`);
      failure = message;
    }
  };

  const stop = (): void => {
    if (timer !== null) clearInterval(timer);
    timer = null;
  };

  return {
    look: tell,
    watch: (watcher) => {
      // Together with the others: what they have not been told yet must not be lost on them.
      const state = tell();
      watchers.add(watcher);
      watcher.state(state);
      watcher.curves({
        whole: true,
        curves: Object.fromEntries([...followed.values()].map((entry) => [entry.runKey, curveOf(entry)])),
      });
      timer ??= setInterval(tick, LOOK_MS);
      return () => {
        watchers.delete(watcher);
        if (watchers.size === 0) stop();
      };
    },
    close: stop,
  };
}

const toPoint = ({ step, tokens, flops, lossNats }: TrainRow): CurvePoint => [step, tokens, flops, lossNats];

function curveOf({ rows }: Followed): readonly CurvePoint[] {
  return thinLogSpaced(rows, CURVE_POINTS).map(toPoint);
}

function toLiveRun(row: RunningRow, { directory, rows }: Followed): LiveRun {
  const last = rows.at(-1);
  const step = last?.step ?? row.stepsDone;
  const tokensPerSecond = speedOf(rows);
  const holder = readLock(directory);
  return {
    runKey: row.runKey,
    sweeps: JSON.parse(row.sweeps ?? '[]') as string[],
    arch: row.arch,
    dModel: row.dModel,
    nLayers: row.nLayers,
    budgetFlops: row.budgetFlops,
    seed: row.seed,
    step,
    steps: row.steps,
    lossNats: last?.lossNats ?? null,
    tokensPerSecond,
    secondsLeft: tokensPerSecond === null ? null : ((row.steps - step) * row.tokensPerStep) / tokensPerSecond,
    worker: holder === null ? null : { host: holder.host, pid: holder.pid },
  };
}

/** Tokens a second of training over the last seconds; null where too little is known. */
function speedOf(rows: readonly TrainRow[]): number | null {
  const last = rows.at(-1);
  if (last === undefined) return null;
  const from = rows.findLast((row) => last.wallSeconds - row.wallSeconds >= SPEED_SECONDS) ?? rows[0]!;
  const seconds = last.wallSeconds - from.wallSeconds;
  return seconds > 0 ? (last.tokens - from.tokens) / seconds : null;
}
