/** Disturbs a running program in a way drawn by chance, as machines and people do. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { metricsPath, listRuns } from '../../src/store/runDirectory.js';
import type { RunningProgram } from './program.js';

export const DISTURBANCES = [
  'runner',
  'worker',
  'workers',
  'everything',
  'interrupt',
  'interrupt twice',
] as const;
export type Disturbance = (typeof DISTURBANCES)[number];

/** Numbers in [0, 1) that follow from a seed (Mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Processes that a process has started and that still live; none where it is gone. */
export function childrenOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

function kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself in the meantime.
  }
}

/** Does it to a program; it may have come to its end before. */
export async function disturb(
  { child }: RunningProgram,
  what: Disturbance,
  random: () => number,
): Promise<void> {
  const runner = child.pid!;
  const workers = childrenOf(runner);
  switch (what) {
    case 'runner': {
      kill(runner);
      return;
    }
    case 'worker': {
      const victim = workers[Math.floor(random() * workers.length)];
      if (victim !== undefined) kill(victim);
      return;
    }
    case 'workers': {
      workers.forEach((pid) => kill(pid));
      return;
    }
    case 'everything': {
      [...workers, runner].forEach((pid) => kill(pid));
      return;
    }
    case 'interrupt': {
      kill(runner, 'SIGINT');
      return;
    }
    case 'interrupt twice':
      kill(runner, 'SIGINT');
      await sleep(random() * 200);
      {
        kill(runner, 'SIGINT');
        return;
      }
    default:
      what satisfies never;
  }
}

/** Whole rows on disk of all runs: `RUN KIND STEP` to what may never change of it. */
export function rowsSeen(resultsDir: string, sweep: string): Map<string, string> {
  const seen = new Map<string, string>();
  for (const { runKey, directory } of listRuns(resultsDir, sweep)) {
    const path = metricsPath(directory);
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
    for (const line of lines) {
      const row = JSON.parse(line) as Record<string, unknown>;
      const name = [runKey, row['kind'], row['split'], row['step']].join(' ');
      if (seen.has(name)) throw new Error(`${join(sweep, runKey)} has the row ${name} twice`);
      seen.set(name, JSON.stringify({ ...row, wallSeconds: 0 }));
    }
  }
  return seen;
}
