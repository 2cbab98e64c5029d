/** Budgets that share a trunk, planned and trained by the built program: what is spared, and that nothing else changes. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { listRuns, readRunRecord } from '../../src/store/runDirectory.js';
import { IS_BUILT, isoloss, outcomeOf, sweepHead, textFolder } from './program.js';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const sweep = (name: string, budgets: readonly number[]): string => `${sweepHead(name)}learningRate: 0.01
schedule: { kind: wsd, warmupSteps: 10, decayFraction: 0.25, finalFraction: 0 }
sizes:
  d8: { dModel: 8, nLayers: 1, nHeads: 2 }
cells:
  - architectures: [transformer, primer-ez]
    budgets:
${budgets.map((flops) => `      - { flops: ${flops}, sizes: [d8] }`).join('\n')}
workers: 2
`;

describe.skipIf(!IS_BUILT)('budgets of one trunk', () => {
  it('are trained once up to where each cools down, with the results of runs trained alone', async () => {
    const folder = textFolder(3000);
    folders.push(folder);
    const budgets = [5e7, 1.5e8, 4e8];
    writeFileSync(join(folder, 'shared.yaml'), sweep('shared', budgets));
    expect(await isoloss(folder, 'plan', 'shared.yaml', '--results', 'results')).toContain(
      'of these FLOPs are spared',
    );
    const output = await isoloss(folder, 'run', 'shared.yaml', '--results', 'results');
    expect(output).toContain('of their FLOPs were spared by shared trunks');

    const records = listRuns(join(folder, 'results'), 'shared').map(({ directory }) =>
      readRunRecord(directory)!,
    );
    expect(records).toHaveLength(6);
    for (const trunk of new Set(records.map((record) => record.trunk))) {
      const [first, second, third] = records
        .filter((record) => record.trunk === trunk)
        .sort((a, b) => a.setup.steps - b.setup.steps);
      expect(first!.execution!.branch).toBeUndefined();
      const leaves = ({ setup }: typeof first & object): number =>
        setup.steps - Math.round(0.25 * setup.steps);
      expect(second!.execution!.branch).toEqual({ runKey: first!.runKey, step: leaves(first!) });
      expect(third!.execution!.branch).toEqual({ runKey: second!.runKey, step: leaves(second!) });
    }

    for (const [i, flops] of budgets.entries()) {
      writeFileSync(join(folder, `alone${i}.yaml`), sweep(`alone${i}`, [flops]));
      await isoloss(folder, 'run', `alone${i}.yaml`, '--results', `results${i}`);
    }
    const alone = budgets.flatMap((_, i) => outcomeOf(join(folder, `results${i}`), `alone${i}`));
    const byKey = (a: { runKey: string }, b: { runKey: string }): number => (a.runKey < b.runKey ? -1 : 1);
    expect(alone.sort(byKey)).toEqual(outcomeOf(join(folder, 'results'), 'shared').sort(byKey));
  }, 120_000);
});
