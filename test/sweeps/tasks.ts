/** Made-up run tasks and records for tests of the scheduler and the workers. */
import { type CountedModel, initialRecord } from '../../src/sweeps/expand.js';
import type { RunTask } from '../../src/sweeps/executor.js';

const cost: CountedModel = {
  paramsTotal: 3000,
  paramsNonEmbedding: 1000,
  paramsActive: 3000,
  paramsByGroup: { embedding: 3000 },
  flopsPerStep: 1e6,
  flopsMatmulPerStep: 9e5,
  flopsByKind: { MatMul: 9e5, Add: 1e5 },
};

/** A task whose run key is made of its index. */
export function makeTask(index: number, resultsDir: string, steps = 40, sweep = 'fake'): RunTask {
  const runKey = index.toString(16).padStart(16, '0');
  const record = initialRecord(
    {
      runKey,
      keyParts: { index },
      trunk: runKey,
      label: `run ${index}`,
      architecture: { preset: 'transformer', positions: 'absolute', label: 'transformer' },
      sizeName: 'd8',
      budgetFlops: steps * 1e6,
      isCandidate: false,
      setup: {
        model: {
          preset: 'transformer',
          positions: 'absolute',
          vocabSize: 300,
          contextLength: 16,
          dModel: 8,
          nLayers: 1,
          nHeads: 1,
          dHead: 8,
          dFf: 32,
          tiedEmbeddings: false,
          init: 'small',
        },
        optimizer: {
          kind: 'adamw',
          learningRate: 0.01,
          beta1: 0.9,
          beta2: 0.95,
          epsilon: 1e-8,
          weightDecay: 0,
          clipNorm: 1,
        },
        schedule: { kind: 'constant', warmupFraction: 0 },
        steps,
        batchSize: 2,
        seed: index,
        corpus: 'none',
        evalTokens: 32,
        precision: 'f32',
      },
      cost,
      tokensPerStep: 32,
      tokens: 32 * steps,
      epochs: 0.1,
      flops: 1e6 * steps,
      flopsMatmul: 9e5 * steps,
    },
    sweep,
  );
  return {
    runKey,
    label: `run ${index}`,
    record,
    resultsDir,
    corpus: { corpus: 'none', vocabSize: 300, baseDir: '.', trainSha256: '' },
    engine: 'onnx:cpu',
    threads: 1,
    variantFiles: [],
    stepsPerCall: 8,
    trunkRuns: [],
  };
}
