/** What is shown of a running sweep. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sweepDisplay } from '../../src/sweeps/display.js';
import { countText, durationText, flopsText } from '../../src/sweeps/format.js';
import {
  observeEvent,
  progressBlock,
  progressFigures,
  progressLine,
  type SweepProgress,
} from '../../src/sweeps/progress.js';
import { finishedRecord } from './finished.js';
import { makeTask } from './tasks.js';

/** Four runs of 100 steps, 1e8 FLOPs and 3200 tokens each; one more had ended before. */
function state(): SweepProgress {
  return {
    name: 'study',
    tasks: [0, 1, 2, 3].map((i) => makeTask(i, '/nowhere', 100)),
    workers: 2,
    before: { runs: 1, flops: 1e8 },
    predictedSeconds: () => 10,
    running: new Map(),
    shares: new Map(),
    waiting: new Set(),
    ended: new Set(),
    failed: new Set(),
    stopping: false,
  };
}

const progress = (stepsDone: number, tokensPerSecond: number) => ({
  stepsDone,
  steps: 100,
  lossNats: 4.5,
  tokensPerSecond,
});

describe('progressFigures', () => {
  it('count runs with the share of their steps that is done', () => {
    const s = state();
    const [a, b, c] = s.tasks;
    observeEvent(s, { kind: 'ended', task: a!, record: finishedRecord(a!.record, 4), reused: false });
    observeEvent(s, { kind: 'progress', task: b!, progress: progress(50, 160) });
    observeEvent(s, { kind: 'progress', task: c!, progress: progress(25, 240) });
    // b: 50 x 32 tokens at 160/s = 10 s; c: 75 x 32 at 240 = 10 s; the last run 10 s after that
    expect(progressFigures(s)).toEqual({
      flops: 5e8,
      flopsDone: 2.75e8,
      runs: 5,
      runsEnded: 2,
      tokensPerSecond: 400,
      secondsLeft: 20,
    });
    expect(progressLine(s)).toBe(' 55% of 5e8 FLOPs  2 of 5 runs  400 tokens/s  20 s left');
  });

  it('say what another runner trains, what failed, and that the sweep is stopping', () => {
    const s = state();
    const [a, b, c] = s.tasks;
    observeEvent(s, { kind: 'waiting', task: a!, reason: 'held' });
    observeEvent(s, { kind: 'failed', task: b!, cause: 'x' });
    observeEvent(s, { kind: 'progress', task: c!, progress: progress(50, 160) });
    observeEvent(s, { kind: 'stopped', task: c! });
    observeEvent(s, { kind: 'stopping', mode: 'afterCall', cause: null });
    expect(progressLine(s)).toBe(' 30% of 5e8 FLOPs  1 of 5 runs  1 failed  1 trained by another runner');
    expect(progressBlock(s, 100).at(-1)).toContain('Ctrl-C again stops at once');
  });

  it('fit the width of the terminal', () => {
    const s = state();
    observeEvent(s, { kind: 'progress', task: s.tasks[0]!, progress: progress(50, 160) });
    for (const columns of [20, 80, 120, 200]) {
      for (const line of progressBlock(s, columns)) expect(line.length).toBeLessThan(columns);
    }
    expect(progressBlock(s, 120)[0]).toMatch(/^study \[#+-+\] {2}30% of 5e8 FLOPs/);
    expect(progressBlock(s, 120)[1]).toMatch(/run 0 +50% {2}loss 4\.500 {2}160 tokens\/s/);
  });
});

describe('sweepDisplay', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function stream(isTTY: boolean) {
    const written: string[] = [];
    return { isTTY, columns: 100, written, write: (text: string) => written.push(text) };
  }

  it('writes a line at most every five seconds where there is no terminal', () => {
    const s = state();
    const out = stream(false);
    const display = sweepDisplay(s, out);
    for (let i = 0; i < 120; i++) {
      display.onEvent({ kind: 'progress', task: s.tasks[0]!, progress: progress(i % 100, 160) });
      vi.advanceTimersByTime(100);
    }
    expect(out.written).toHaveLength(2);
    display.onEvent({ kind: 'failed', task: s.tasks[0]!, cause: 'it broke' });
    expect(out.written.at(-1)).toBe('failed: run 0: it broke\n');
    display.close();
    expect(out.written.join('')).not.toContain('\u001b');
  });

  it('redraws a block on a terminal, and keeps what failed above it', () => {
    const s = state();
    const out = stream(true);
    const display = sweepDisplay(s, out);
    display.onEvent({ kind: 'progress', task: s.tasks[0]!, progress: progress(10, 160) });
    vi.advanceTimersByTime(400);
    display.onEvent({ kind: 'failed', task: s.tasks[1]!, cause: 'it broke' });
    const text = out.written.join('');
    expect(text).toContain('\u001b[2A\u001b[0J');
    expect(text.indexOf('failed: run 1')).toBeLessThan(text.lastIndexOf('study '));
    display.close();
  });
});

describe('numbers for people', () => {
  it('are short', () => {
    expect([1e11, 1.53e13, 8.1234e11].map((flops) => flopsText(flops, 3))).toEqual([
      '1e11',
      '1.53e13',
      '8.12e11',
    ]);
    expect(flopsText(1.0001e10)).toBe('1.0001e10');
    expect([999, 1000, 12_345, 999_960, 3.4e9].map(countText)).toEqual(['999', '1k', '12.3k', '1M', '3.4G']);
    expect([5, 60, 200, 7_500, 274_000, 2.2e7, 1e8, 4e10].map(durationText)).toEqual([
      '5 s',
      '1 min 00 s',
      '3 min 20 s',
      '2 h 05 min',
      '3 d 4 h',
      '255 d',
      '3.2 years',
      '1,300 years',
    ]);
  });
});
