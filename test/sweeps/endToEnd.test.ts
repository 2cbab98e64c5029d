/**
 * The program itself, killed in every way: the built command trains real models on a small text, and a sweep that was
 * cut off again and again ends with the same rows and losses, bit for bit, as one that never was.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLock } from '../../src/store/lock.js';
import { readMetrics } from '../../src/store/metricsLog.js';
import { listRuns, readRunRecord, readSweepRecord } from '../../src/store/runDirectory.js';

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const SWEEP = `name: tiny
corpus: texts/*.txt
vocabSize: 280
contextLength: 32
batchSize: 4
evalTokens: 512
baselines: [transformer]
learningRate: { base: 0.01, referenceWidth: 64 }
sizes:
  d8: { dModel: 8, nLayers: 1, nHeads: 2 }
cells:
  - architectures: [transformer, primer-ez]
    budgets:
      - { flops: 2.5e9, sizes: [d8], seeds: [0, 1] }
workers: 2
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'isoloss-e2e-'));
  mkdirSync(join(folder, 'texts'));
  for (let file = 0; file < 30; file++) {
    const words = Array.from({ length: 3000 }, (_, i) => ((i * i + file) % 997).toString(36));
    writeFileSync(join(folder, 'texts', `${file}.txt`), words.join(file % 2 === 0 ? ' ' : ', '));
  }
  writeFileSync(join(folder, 'tiny.yaml'), SWEEP);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(results: string, ...more: string[]): ChildProcess & { output: string } {
  const child = spawn(process.execPath, [PROGRAM, 'run', 'tiny.yaml', '--results', results, ...more], {
    cwd: folder,
    env: { ...process.env, ISOLOSS_CACHE: join(folder, 'cache') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const running = Object.assign(child, { output: '' });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      running.output += chunk.toString('utf8');
    });
  }
  return running;
}

const exitOf = (child: ChildProcess): Promise<number | null> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve(child.exitCode)
    : new Promise((resolve) => child.once('exit', (code) => resolve(code)));

async function finish(results: string): Promise<void> {
  const child = start(results);
  const code = await exitOf(child);
  expect(code, child.output).toBe(0);
}

/** Everything that a disturbance must not change. */
function outcome(results: string) {
  return listRuns(join(folder, results), 'tiny').map(({ runKey, directory }) => {
    const record = readRunRecord(directory)!;
    expect(readLock(directory)).toBeNull();
    return {
      runKey,
      status: record.status,
      stepsDone: record.stepsDone,
      final: record.final,
      rows: readMetrics(directory).rows.map((row) => ({ ...row, wallSeconds: 0 })),
    };
  });
}

function stepsOnDisk(results: string): number {
  return listRuns(join(folder, results), 'tiny').reduce((sum, { directory }) => {
    const path = join(directory, 'metrics.jsonl');
    return sum + (existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0);
  }, 0);
}

describe.skipIf(!existsSync(PROGRAM))('isoloss run (needs `npm run build`)', () => {
  it('ends with the same bits however often it is cut off', { timeout: 120_000 }, async () => {
    await finish('undisturbed');
    const expected = outcome('undisturbed');
    expect(expected).toHaveLength(4);
    for (const { status, rows, stepsDone } of expected) {
      expect(status).toBe('done');
      expect(rows.filter((row) => row.kind === 'train').map((row) => row.step)).toEqual(
        Array.from({ length: stepsDone }, (_, i) => i + 1),
      );
      expect(rows.filter((row) => row.kind === 'eval')).toHaveLength(2);
    }
    const sweep = readSweepRecord(join(folder, 'undisturbed'), 'tiny')!;
    expect(sweep.runs.map(({ runKey }) => runKey).sort()).toEqual(
      expected.map(({ runKey }) => runKey).sort(),
    );
    // Two architectures of one seed read the same tokens, so they differ by more than their seeds do at the start.
    expect(new Set(expected.map(({ final }) => final?.test.lossNats)).size).toBe(4);

    for (const [signal, pause] of [
      ['SIGKILL', 30],
      ['SIGKILL', 120],
      ['SIGINT', 60],
    ] as const) {
      const before = stepsOnDisk('disturbed');
      const child = start('disturbed');
      while (stepsOnDisk('disturbed') <= before && child.exitCode === null) await sleep(5);
      await sleep(pause);
      child.kill(signal);
      await exitOf(child);
    }
    const [one, other] = [start('disturbed'), start('disturbed')];
    expect([await exitOf(one), await exitOf(other)], one.output + other.output).toEqual([0, 0]);
    expect(outcome('disturbed')).toEqual(expected);
  });

  it('names what keeps a run from being trained, and ends the others', { timeout: 60_000 }, async () => {
    const [broken] = listRuns(join(folder, 'disturbed'), 'tiny');
    writeFileSync(join(broken!.directory, 'run.json'), '{ "half');
    const child = start('disturbed', '--json');
    expect(await exitOf(child), child.output).toBe(1);
    expect(child.output).toContain('run.json is not JSON');
    expect(child.output).toContain('Remove the run directory to train this run again');
    expect(child.output).toContain('"done": 3');
    expect(readFileSync(join(broken!.directory, 'run.json'), 'utf8')).toBe('{ "half');
  });

  it('trains nothing a second time, and says how a sweep file is wrong', { timeout: 60_000 }, async () => {
    const again = start('undisturbed', '--json');
    expect(await exitOf(again), again.output).toBe(0);
    expect(again.output).toContain('4 done already, 0 to do');
    const plan = start('undisturbed', '--dry-run', '--json');
    expect(await exitOf(plan)).toBe(0);
    const planned = JSON.parse(plan.output.slice(plan.output.indexOf('{'))) as {
      runs: { status: string; flops: number; steps: number; budgetFlops: number }[];
    };
    for (const { status, flops, steps, budgetFlops } of planned.runs) {
      expect(status).toBe('done');
      expect(Math.abs(flops - budgetFlops)).toBeLessThanOrEqual(flops / steps / 2);
    }
    writeFileSync(
      join(folder, 'wrong.yaml'),
      SWEEP.replace('name: tiny', 'name: wrong').replace('primer-ez', 'primer-es'),
    );
    const wrong = spawn(process.execPath, [PROGRAM, 'plan', 'wrong.yaml'], { cwd: folder });
    let message = '';
    wrong.stderr.on('data', (chunk: Buffer) => {
      message += chunk.toString('utf8');
    });
    expect(await exitOf(wrong)).toBe(2);
    expect(message).toMatch(
      /wrong\.yaml:12:34 {2}cells\[0\]\.architectures\[1\]: there is no architecture "primer-es"\. Did you mean "primer-ez"\?/,
    );
  });
});
