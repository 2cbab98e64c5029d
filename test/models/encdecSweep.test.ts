/** A sweep of encoder-decoders through the built command: planned, trained, cut off, gone on with, reported. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMetrics } from '../../src/store/metricsLog.js';
import { listRuns, readRunRecord } from '../../src/store/runDirectory.js';

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Windows of 40: 6 tokens dropped in 2 spans, so 9 targets. */
const SWEEP = `name: spans
corpus: texts/*.txt
vocabSize: 280
contextLength: 40
batchSize: 4
evalTokens: 640
baselines: [t5-encdec]
learningRate: { base: 0.01, referenceWidth: 64 }
sizes:
  d8: { dModel: 8, nLayers: 1, nHeads: 2 }
cells:
  - architectures: [t5-encdec, t5-primer-ez-encdec]
    budgets:
      - { flops: 1e9, sizes: [d8], seeds: [0] }
workers: 1
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'isoloss-spans-'));
  mkdirSync(join(folder, 'texts'));
  for (let file = 0; file < 30; file++) {
    const words = Array.from({ length: 1500 }, (_, i) => ((i * i + file) % 997).toString(36));
    writeFileSync(join(folder, 'texts', `${file}.txt`), words.join(file % 2 === 0 ? ' ' : ', '));
  }
  writeFileSync(join(folder, 'spans.yaml'), SWEEP);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(...args: string[]): ChildProcess & { output: string } {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
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

const runs = (results: string) => listRuns(join(folder, results), 'spans');

function outcome(results: string) {
  return runs(results).map(({ runKey, directory }) => {
    const { arch, status, final } = readRunRecord(directory)!;
    const rows = readMetrics(directory).rows.map((row) => ({ ...row, wallSeconds: 0 }));
    return { runKey, arch, status, final, rows };
  });
}

function stepsOnDisk(results: string): number {
  return runs(results).reduce((sum, { directory }) => {
    const path = join(directory, 'metrics.jsonl');
    return sum + (existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0);
  }, 0);
}

describe.skipIf(!existsSync(PROGRAM))('a sweep of encoder-decoders (needs `npm run build`)', () => {
  it('runs, and ends with the same bits when it was cut off', { timeout: 120_000 }, async () => {
    const whole = start('run', 'spans.yaml', '--results', 'whole');
    expect(await exitOf(whole), whole.output).toBe(0);
    const expected = outcome('whole');
    expect(expected.map(({ arch, status }) => `${arch} ${status}`).sort()).toEqual([
      't5-encdec done',
      't5-primer-ez-encdec done',
    ]);
    for (const { final, rows } of expected) {
      // 16 windows of 9 targets.
      expect(final!.test.tokens).toBe(16 * 9);
      const losses = rows.flatMap((row) => (row.kind === 'train' ? [row.lossNats!] : []));
      expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.5);
    }

    const cut = start('run', 'spans.yaml', '--results', 'cut');
    while (stepsOnDisk('cut') === 0 && cut.exitCode === null) await sleep(5);
    await sleep(50);
    cut.kill('SIGKILL');
    await exitOf(cut);
    const again = start('run', 'spans.yaml', '--results', 'cut');
    expect(await exitOf(again), again.output).toBe(0);
    expect(outcome('cut')).toEqual(expected);
  });

  it('is refused together with decoders, whose losses are of other predictions', async () => {
    const mixed = SWEEP.replace('name: spans', 'name: mixed').replace('t5-primer-ez-encdec]', 't5]');
    writeFileSync(join(folder, 'mixed.yaml'), mixed);
    const plan = start('plan', 'mixed.yaml');
    expect(await exitOf(plan)).toBe(2);
    expect(plan.output).toMatch(
      /mixed\.yaml:14:31 {2}t5 \(nextToken\) and t5-encdec \(spanCorruption\) are trained for different objectives/,
    );
  });

  it('can be measured', async () => {
    const bench = start(
      ...['bench', '--arch', 't5-primer-ez-encdec', '--d', '8', '--layers', '1'],
      ...['--batch', '2', '--length', '40', '--vocab', '280', '--threads', '1', '--json'],
    );
    expect(await exitOf(bench), bench.output).toBe(0);
    expect(bench.output).toContain('"tokensPerSecond"');
  });
});
