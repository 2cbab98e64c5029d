/** The machine's own f32 matrix rate through the same runtime: the yardstick for training speed and the probe against load. */
import { encodeFunction } from './onnx/encode.js';
import { GraphBuilder } from './onnx/graph.js';
import type { Provider } from './ortOptions.js';
import { createSession, hostTensor } from './ortSession.js';

const SIZE = 1024;
const PRODUCTS = 4;

export interface RawRateProbe {
  /** FLOPs of one call of `run`. */
  readonly flops: number;
  run(): Promise<void>;
  dispose(): Promise<void>;
}

/** A chain of square matrix products, reduced to one number so that copying results costs nothing. */
export async function rawRateProbe(threads: number, provider: Provider): Promise<RawRateProbe> {
  const builder = new GraphBuilder(false);
  const type = { shape: [SIZE, SIZE], dtype: 'float32' } as const;
  const matrix = builder.input('matrix', type);
  let product = matrix;
  for (let i = 0; i < PRODUCTS; i++) product = builder.op('MatMul', [product, matrix], type);
  const output = builder.reduce('ReduceMax', product, [0, 1], false);
  const model = encodeFunction({
    inputs: [matrix],
    outputs: [{ name: 'max', value: output }],
    nodes: builder.nodes,
  });
  const session = await createSession(model, provider, { threads });
  const values = Float32Array.from({ length: SIZE * SIZE }, (_, i) => ((i % 17) - 8) / SIZE);
  const feeds = { matrix: hostTensor(type, values) };
  return {
    flops: 2 * PRODUCTS * SIZE ** 3,
    async run() {
      await session.run(feeds);
    },
    async dispose() {
      await session.release();
    },
  };
}

/** Best rate over `calls` calls, GFLOP/s. */
export async function measureRawRate(probe: RawRateProbe, calls: number): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < calls; i++) {
    const start = performance.now();
    await probe.run();
    best = Math.min(best, performance.now() - start);
  }
  return probe.flops / best / 1e6;
}
