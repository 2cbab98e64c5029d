/** Options of ONNX Runtime's sessions, in a file that loads nothing else: threads that only run sessions start with it. */
import type { InferenceSession } from 'onnxruntime-node';

/** ONNX Runtime's own name for where a session computes. */
export type Provider = 'cpu' | 'cuda' | 'webgpu';

// Parallel execution mode and a disabled memory arena were both measured to be slow; other options made no difference.
export const sessionOptions = (
  provider: Provider,
  threads: number,
  optimised: boolean,
): InferenceSession.SessionOptions => ({
  executionProviders: [provider],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: optimised ? 'all' : 'disabled',
  // A planned block of memory would come on top of what the first step has taken: 300 of 990 MiB at (256, 6).
  enableMemPattern: false,
  logSeverityLevel: 3,
  // ONNX Runtime's fused activation is slower than a Relu in place.
  extra: { optimization: { disable_specified_optimizers: 'GemmActivationFusion' } },
});
