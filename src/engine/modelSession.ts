/** An ONNX file run as any other program would run it: a plain session with default options. */
import { InferenceSession, Tensor } from 'onnxruntime-node';

export interface ModelSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Feeds whole numbers as int64. @returns the values of the outputs by name */
  run(
    inputs: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Int32Array }>>,
  ): Promise<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>;
  dispose(): Promise<void>;
}

export async function openModelFile(path: string): Promise<ModelSession> {
  const session = await InferenceSession.create(path, { logSeverityLevel: 3 });
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    async run(inputs) {
      const feeds = Object.entries(inputs).map(([name, { shape, data }]): [string, Tensor] => [
        name,
        new Tensor('int64', BigInt64Array.from(data, BigInt), shape),
      ]);
      const results = await session.run(Object.fromEntries(feeds));
      return Object.fromEntries(
        Object.entries(results).map(([name, { dims, data }]) => [
          name,
          { shape: dims, data: data as Float32Array },
        ]),
      );
    },
    dispose: () => session.release(),
  };
}
