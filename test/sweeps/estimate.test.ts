/** Predictions against hand-computed times. */
import { describe, expect, it } from 'vitest';
import { makespan, secondsPerStep, type SpeedObservation } from '../../src/sweeps/estimate.js';
import { workerSetting } from '../../src/sweeps/machine.js';

const seen = (
  shape: string,
  flopsPerStep: number,
  seconds: number,
  architecture = 'one',
): SpeedObservation => ({
  shape,
  architecture,
  flopsPerStep,
  secondsPerStep: seconds,
});

const wanted = (shape: string, flopsPerStep: number, architecture = 'one') => ({
  shape,
  architecture,
  flopsPerStep,
});

describe('secondsPerStep', () => {
  it('is the median of the same shape', () => {
    const observations = [seen('a', 1e9, 0.1), seen('a', 1e9, 0.3), seen('a', 1e9, 0.2), seen('b', 1e9, 9)];
    expect(secondsPerStep(observations, wanted('a', 1e9), 1)).toBe(0.2);
  });

  it('lies at the FLOP rate between the neighbours, in log scale', () => {
    // 1e10 FLOP/s at 1e8 a step, 4e10 at 1e10: halfway, at 1e9, it is their geometric mean, 2e10
    const observations = [seen('a', 1e8, 0.01), seen('b', 1e10, 0.25), seen('c', 1e11, 1)];
    expect(secondsPerStep(observations, wanted('new', 1e9), 1)).toBeCloseTo(0.05, 12);
    expect(secondsPerStep(observations, wanted('new', 1e7), 1)).toBeCloseTo(0.001, 12);
  });

  it('looks at other architectures only where there is nothing of its own', () => {
    const observations = [seen('a', 1e9, 0.1), seen('b', 1e9, 0.4, 'two')];
    expect(secondsPerStep(observations, wanted('new', 2e9, 'two'), 1)).toBeCloseTo(0.8, 12);
    expect(secondsPerStep(observations.slice(0, 1), wanted('new', 2e9, 'two'), 1)).toBeCloseTo(0.2, 12);
  });

  it('is not led by one run of a busy hour, though its size is the nearest', () => {
    const shapes = ['a', 'b', 'c', 'd'].map((shape, i) =>
      seen(shape, (1 + i / 100) * 1e9, (1 + i / 100) * 0.1, shape),
    );
    const busy = seen('e', 0.999e9, 0.999, 'e');
    expect(secondsPerStep([...shapes, busy], wanted('new', 0.998e9), 1)).toBeCloseTo(0.0998, 12);
  });

  it('takes twice as long on half of the threads as long as nothing was measured', () => {
    const [one, two] = [1, 2].map((threads) => secondsPerStep([], wanted('new', 1e9), threads));
    expect(one).toBeCloseTo(2 * two!, 12);
  });
});

describe('makespan', () => {
  it('gives each worker the next run as soon as it is free', () => {
    // worker 1: 5, then 2 (ends at 7); worker 2: 3, 3, 1 (7)
    expect(makespan([5, 3, 3, 2, 1], 2)).toBe(7);
    expect(makespan([], 2)).toBe(0);
    expect(makespan([1, 2, 3], 1)).toBe(6);
  });
});

describe('workerSetting', () => {
  const machine = { cores: 8, memoryBytes: 16 * 2 ** 30, cudaDevices: () => [] };

  const auto = { workers: 'auto', threads: 'auto', engine: 'onnx:cpu' } as const;

  it('is one thread a worker and one worker a core, as memory allows', () => {
    expect(workerSetting(auto, null, machine)).toEqual({
      workers: 8,
      threads: 1,
      engine: 'onnx:cpu',
      devices: [],
      deviceBytes: null,
      open: 'workers and threads',
      measured: false,
    });
    expect(workerSetting({ ...auto, threads: 3 }, null, machine)).toMatchObject({ workers: 2, threads: 3 });
    expect(workerSetting(auto, null, { ...machine, memoryBytes: 2 ** 30 })).toMatchObject({
      workers: 1,
      threads: 1,
    });
  });

  it('is one worker a GPU on CUDA', () => {
    const gpus = ['GPU-a', 'GPU-b', 'GPU-c'].map((id, i) => ({
      id,
      name: 'A GPU',
      memoryBytes: (3 - i) * 1e10,
    }));
    const withGpus = { ...machine, cudaDevices: () => gpus };
    const devices = ['GPU-a', 'GPU-b', 'GPU-c'];
    expect(workerSetting({ ...auto, engine: 'onnx:cuda' }, null, withGpus)).toMatchObject({
      workers: 3,
      devices,
      deviceBytes: 1e10,
    });
    expect(workerSetting({ ...auto, engine: 'onnx:cuda', workers: 6 }, null, withGpus)).toMatchObject({
      workers: 6,
      devices,
    });
    expect(workerSetting(auto, null, withGpus)).toMatchObject({ workers: 8, devices: [] });
    // No driver that tells: the engine says what is missing when it is opened.
    expect(workerSetting({ ...auto, engine: 'onnx:cuda' }, null, machine)).toMatchObject({
      workers: 1,
      devices: [],
    });
  });

  it('is one worker where a process can not be bound to a GPU', () => {
    expect(workerSetting({ ...auto, engine: 'onnx:webgpu' }, null, machine)).toMatchObject({
      workers: 1,
      threads: 1,
    });
  });

  it('is what was asked for', () => {
    expect(workerSetting({ ...auto, workers: 20 }, null, machine)).toMatchObject({ workers: 20, threads: 1 });
    expect(workerSetting({ ...auto, workers: 2, engine: 'onnx:cuda' }, null, machine)).toMatchObject({
      workers: 2,
    });
  });
});
