/** What the main thread and the threads of a divided step tell each other, and the memory that they share. */
import type { TensorSpec } from './tensors.js';

/** A float32 tensor and where it lies in a shared array, in elements. */
export interface Placed extends TensorSpec {
  readonly at: number;
}

/** A parameter in the arrays that hold one value for each element of all parameters. */
export interface PlacedParam extends Placed {
  /** Thread that updates it. */
  readonly owner: number;
}

export interface SharedMemory {
  /** How many wait, how often all have met, whether one has failed: [3]. */
  readonly meeting: Int32Array;
  /** Two sets of the whole state: a call reads one and writes the other. */
  readonly states: readonly [Float32Array, Float32Array];
  /** Parameters on their way from their owners to all others. */
  readonly params: Float32Array;
  /** Gradients by part. */
  readonly gradients: readonly Float32Array[];
  /** Sums of squares by part, then each metric by part. */
  readonly squares: Float32Array;
  readonly losses: Float32Array;
}

/** What a thread starts with. */
export interface PartJob {
  readonly part: number;
  readonly parts: number;
  readonly memory: SharedMemory;
  readonly params: readonly PlacedParam[];
  /** State tensors that this thread updates. */
  readonly state: readonly Placed[];
  /** Results of the sum: the gradients of this thread's shares. */
  readonly sums: readonly TensorSpec[];
  /** Inputs of the thread's part of the batch, one step's. */
  readonly divided: readonly TensorSpec[];
  /** Inputs of the update that differ from step to step. */
  readonly scalars: readonly string[];
  readonly models: Readonly<Record<'gradients' | 'sum' | 'update', Uint8Array>>;
}

/** One call of so many steps. */
export interface PartCall {
  readonly steps: number;
  /** Which of the two sets of state is read. */
  readonly from: 0 | 1;
  /** Inputs of the steps, one after the other. */
  readonly inputs: Readonly<Record<string, Float32Array | Int32Array>>;
}

export type PartReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly loss: Float32Array; readonly gradNorm: Float32Array }
  | {
      readonly kind: 'failed';
      readonly message: string;
      /** It stopped because another failed. */ readonly followed: boolean;
    };
