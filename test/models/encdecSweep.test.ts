/** A sweep of encoder-decoders through the built command: planned, trained, cut off, gone on with, reported. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  IS_BUILT,
  outcomeOf,
  rowsOnDisk,
  startProgram,
  textFolder,
  type RunningProgram,
} from '../sweeps/program.js';

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
  folder = textFolder(1500);
  writeFileSync(join(folder, 'spans.yaml'), SWEEP);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = (...args: string[]): RunningProgram => startProgram(folder, args);
const outcome = (results: string) => outcomeOf(join(folder, results), 'spans');
const stepsOnDisk = (results: string): number => rowsOnDisk(join(folder, results), 'spans');

describe.skipIf(!IS_BUILT)('a sweep of encoder-decoders (needs `npm run build`)', () => {
  it('runs, and ends with the same bits when it was cut off', { timeout: 120_000 }, async () => {
    const whole = start('run', 'spans.yaml', '--results', 'whole');
    expect(await whole.exit, whole.output()).toBe(0);
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
    while (stepsOnDisk('cut') === 0 && cut.child.exitCode === null) await sleep(5);
    await sleep(50);
    cut.child.kill('SIGKILL');
    await cut.gone;
    const again = start('run', 'spans.yaml', '--results', 'cut');
    expect(await again.exit, again.output()).toBe(0);
    expect(outcome('cut')).toEqual(expected);
  });

  it('is refused together with decoders, whose losses are of other predictions', async () => {
    const mixed = SWEEP.replace('name: spans', 'name: mixed').replace('t5-primer-ez-encdec]', 't5]');
    writeFileSync(join(folder, 'mixed.yaml'), mixed);
    const plan = start('plan', 'mixed.yaml');
    expect(await plan.exit).toBe(2);
    expect(plan.output()).toMatch(
      /mixed\.yaml:14:31 {2}t5 \(nextToken\) and t5-encdec \(spanCorruption\) are trained for different objectives/,
    );
  });

  it('can be measured', async () => {
    const bench = start(
      ...['bench', '--arch', 't5-primer-ez-encdec', '--d', '8', '--layers', '1'],
      ...['--batch', '2', '--length', '40', '--vocab', '280', '--threads', '1', '--json'],
    );
    expect(await bench.exit, bench.output()).toBe(0);
    expect(bench.output()).toContain('"tokensPerSecond"');
  });
});
