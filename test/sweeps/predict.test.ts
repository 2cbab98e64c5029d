/** What a plan predicts of memory and of devices, and its picture of the grid. */
import { describe, expect, it } from 'vitest';
import { livePeakBytes } from '../../src/engine/onnx/liveness.js';
import { GraphBuilder } from '../../src/engine/onnx/graph.js';
import { describeModel } from '../../src/train/describe.js';
import { fittingBatch, runMemory } from '../../src/train/memory.js';
import { deviceSecondsPerStep, findDevice } from '../../src/sweeps/devices.js';
import { bytesText } from '../../src/sweeps/format.js';
import { gridText } from '../../src/sweeps/gridText.js';
import { makeTask } from './tasks.js';

describe('memory', () => {
  it('is the most that is alive at once, reshaped values sharing theirs', () => {
    const builder = new GraphBuilder(true);
    const x = builder.input('x', { shape: [4], dtype: 'float32' });
    const a = builder.unary('Exp', x);
    const b = builder.unary('Neg', builder.reshape(a, [2, 2]));
    const c = builder.binary('Add', b, b);
    const d = builder.binary('Mul', c, c, 'int64');
    const outputs = [{ name: 'd', value: d }];
    // a and b: 32 bytes; b and c: 32; c and d, whose elements have 8 bytes: 48.
    expect(livePeakBytes({ inputs: [x], outputs, nodes: builder.nodes })).toBe(48);
    // With a kept to the end, it is there as well.
    const kept = [...outputs, { name: 'a', value: a }];
    expect(livePeakBytes({ inputs: [x], outputs: kept, nodes: builder.nodes })).toBe(64);
  });

  it('of a run counts parameters and two moments, and grows with the batch', () => {
    const { setup } = makeTask(0, '').record;
    const small = runMemory(setup);
    const params = describeModel(setup.model, setup.batchSize).paramsTotal;
    expect(small.stateBytes).toBe(3 * 4 * params);
    const large = runMemory({ ...setup, batchSize: 16 * setup.batchSize });
    expect(large.stateBytes).toBe(small.stateBytes);
    expect(large.peakBytes).toBeGreaterThan(4 * small.peakBytes);
  });

  it('counts what each thread of a divided step has of its own', () => {
    const setup = { ...makeTask(0, '').record.setup, batchSize: 4 };
    const [whole, divided] = [1, 2].map((threads) => runMemory({ ...setup, threads }));
    expect([whole!.parts, divided!.parts]).toEqual([1, 2]);
    expect(divided!.growthBytes).toBeGreaterThan(whole!.growthBytes + 2 * 12 * 2 ** 20);
    // Three threads can't share four sequences.
    expect(runMemory({ ...setup, threads: 3 })).toEqual(whole);
  });

  it('tells the largest batch that fits', () => {
    const { setup } = makeTask(0, '').record;
    const wanted = { ...setup, batchSize: 512 };
    const bytes = runMemory({ ...setup, batchSize: 300 }).totalBytes;
    expect(fittingBatch(wanted, bytes)).toBeGreaterThanOrEqual(295);
    expect(fittingBatch(wanted, bytes)).toBeLessThanOrEqual(305);
    expect(fittingBatch(wanted, 1e6)).toBeNull();
    expect(fittingBatch({ ...setup, batchSize: 1 }, 1e6)).toBeNull();
  });
});

describe('devices', () => {
  it('take the longer of arithmetic and launches', () => {
    const h100 = findDevice('H100');
    // 1e12 / (0.3 x 494.7e12); 1000 operations of 5 microseconds
    expect(deviceSecondsPerStep(h100, 1e12, 1000)).toBeCloseTo(6.738e-3, 6);
    expect(deviceSecondsPerStep(h100, 1e6, 1000)).toBeCloseTo(5e-3, 9);
    expect(() => findDevice('a10')).toThrow(/no device "a10".*Known: t4, v100, l4, a100, h100, h200/);
  });
});

describe('texts', () => {
  it('draw the grid', () => {
    const run = (arch: string, size: string, budgetFlops: number, status: 'done' | 'planned' | 'failed') => ({
      arch,
      size,
      budgetFlops,
      status,
    });
    const text = gridText([
      run('a', 'd24', 1e11, 'done'),
      run('a', 'd24', 1e11, 'failed'),
      run('a', 'd32', 2.5e11, 'planned'),
      run('primer-ez', 'd32', 2.5e11, 'done'),
    ]);
    expect(text.split('\n')).toEqual([
      'a          d24  d32',
      '  1e11     #!',
      '  2.5e11        .',
      'primer-ez  d24  d32',
      '  2.5e11        #',
      '. planned   # done   ! failed',
    ]);
  });

  it('give bytes', () => {
    expect([0, 950, 999.9, 1000, 12_345, 4.56e9, 25.3e12].map(bytesText)).toEqual([
      '0 B',
      '950 B',
      '1 KB',
      '1 KB',
      '12.3 KB',
      '4.56 GB',
      '25.3 TB',
    ]);
  });
});
