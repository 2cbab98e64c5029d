/** What `isoloss doctor` says of Node, of engines that agree, disagree, refuse or crash, and of those there are here. */
import { describe, expect, it } from 'vitest';
import { ortEngine } from '../../src/engine/ort.js';
import { judge, TOLERANCE } from '../../src/train/doctor/engineChecks.js';
import { checkMachine, checkNode } from '../../src/train/doctor/machine.js';
import { shortTraining } from '../../src/train/doctor/shortTraining.js';
import { eager, expectClose } from '../engine/harness.js';

const info = { name: 'onnx:webgpu', version: '1', device: 'a GPU' } as const;
const opened = { kind: 'opened', info } as const;
const losses = (...values: number[]) => ({ kind: 'losses', precision: 'f32', losses: values }) as const;

describe('judge', () => {
  const expected = [4, 3, 2];
  const judged = (...messages: Parameters<typeof judge>[1]['messages']) =>
    judge('onnx:webgpu', { messages, ending: null }, expected);

  it('lets an engine agree within the tolerance, and no further', () => {
    const close = judged(opened, losses(4, 3.0001, 2));
    expect(close.status).toBe('agrees');
    expect(close.precisions[0]!.difference).toBeCloseTo(1 / 30000, 9);
    expect(judged(opened, losses(4, 3.001, 2)).status).toBe('disagrees');
    expect(judged(opened, losses(4, NaN, 2)).status).toBe('disagrees');
    expect(judged(opened, losses(4, 3)).status).toBe('disagrees');
  });

  it('has more tolerance for smaller types, which a device need not have', () => {
    const refused = { kind: 'refused', precision: 'f16', reason: 'no half' } as const;
    expect(judged(opened, losses(4, 3, 2), refused)).toMatchObject({ status: 'agrees', reason: null });
    const half = { ...losses(4.04, 3, 2), precision: 'f16' } as const;
    expect(judged(opened, losses(4, 3, 2), half).status).toBe('agrees');
  });

  it('tells an engine that is not here from one that fails', () => {
    const reason = 'needs the package webgpu';
    expect(judged({ kind: 'unavailable', reason })).toMatchObject({
      status: 'unavailable',
      reason,
      info: null,
    });
    expect(judged(opened, { kind: 'failed', reason: 'lost' })).toMatchObject({
      status: 'failed',
      reason: 'lost',
    });
    const ending = 'its process ended with SIGSEGV';
    const crashed = (messages: Parameters<typeof judge>[1]['messages']) =>
      judge('onnx:webgpu', { messages, ending }, expected).status;
    expect(crashed([])).toBe('unavailable');
    expect(crashed([opened, losses(4, 3, 2)])).toBe('failed');
  });
});

describe('the short training', () => {
  it('gives the losses of the reference on the default engine, and near ones in bf16 and f16', async () => {
    const expected = await shortTraining(eager, 'f32');
    for (const precision of ['f32', 'bf16', 'f16'] as const) {
      const actual = await shortTraining(ortEngine, precision);
      expectClose(actual, expected, precision, { relative: TOLERANCE[precision], absolute: 0 });
    }
  });
});

describe('checkMachine', () => {
  it('knows the oldest Node that will do', () => {
    expect(checkNode('20.19.0').status).toBe('ok');
    expect(checkNode('24.1.0').status).toBe('ok');
    expect(checkNode('20.18.3')).toMatchObject({
      status: 'problem',
      text: expect.stringContaining('20.19') as string,
    });
    expect(checkNode('18.20.0').status).toBe('problem');
  });

  it('finds nothing wrong with a machine that runs these tests, a folder still to be made included', async () => {
    const findings = await checkMachine('not/there/yet');
    expect(findings.map(({ about }) => about)).toEqual(['Node', 'SQLite', 'CPU', 'memory', 'disk']);
    expect(findings.filter(({ status }) => status === 'problem')).toEqual([]);
  });
});
