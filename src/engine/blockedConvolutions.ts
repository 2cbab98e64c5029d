/** Whether ONNX Runtime's CPU provider has its convolutions over blocked channels: that depends on the processor. */
import { InferenceSession } from 'onnxruntime-node';
import { encodeFunction } from './onnx/encode.js';
import { GraphBuilder } from './onnx/graph.js';
import { sessionOptions } from './ortOptions.js';

let found: Promise<boolean> | undefined;

/** Found out once, by asking for a session that needs one. */
export const hasBlockedConvolutions = (): Promise<boolean> => (found ??= probe());

async function probe(): Promise<boolean> {
  const builder = new GraphBuilder(false);
  const x = builder.input('x', { shape: [1, 1, 1, 16], dtype: 'float32' });
  const y = builder.op(
    'ReorderInput',
    [x],
    { shape: [1, 16, 1, 1], dtype: 'float32' },
    { attrs: { channels_last: 1 }, domain: 'com.microsoft.nchwc' },
  );
  const model = encodeFunction({ inputs: [x], outputs: [{ name: 'y', value: y }], nodes: builder.nodes });
  try {
    // Fatal errors alone are logged: a processor without them is none.
    const session = await InferenceSession.create(model, {
      ...sessionOptions('cpu', 1, true),
      logSeverityLevel: 4,
    });
    await session.release();
    return true;
  } catch {
    return false;
  }
}
