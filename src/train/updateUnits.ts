/** What an optimizer updates at a time: a parameter, or in a graph that is trained all vectors joined into one. */
import type { ParamSpec } from '../models/params.js';
import { hasFusedKernels } from '../ops/kernelNames.js';
import { tf, type Tensor } from '../ops/tf.js';
import type { Optimizer } from './optimizers.js';

export interface UpdateUnit {
  readonly spec: ParamSpec;
  /** Its parameters. */
  readonly params: readonly ParamSpec[];
  /** The tensors of the unit's parameters as one. */
  readonly join: (tensorOf: (name: string) => Tensor) => Tensor;
  /** Back to one tensor a parameter, by name. */
  readonly split: (joined: Tensor) => readonly (readonly [string, Tensor])[];
}

const alone = (spec: ParamSpec): UpdateUnit => ({
  spec,
  params: [spec],
  join: (tensorOf) => tensorOf(spec.name),
  split: (tensor) => [[spec.name, tensor]],
});

/**
 * Gains and biases are many and small, and an update takes a dozen operations each; an update that looks at each element
 * alone comes to the same for all of them at once. The naive graph, on which run keys stand, updates every parameter alone.
 */
export function updateUnits(
  params: readonly ParamSpec[],
  optimizer: Optimizer,
  joins = hasFusedKernels(),
): UpdateUnit[] {
  const joinable = ({ shape, decay }: ParamSpec): boolean => shape.length === 1 && !decay;
  const vectors = params.filter(joinable);
  if (!joins || !optimizer.elementwise || vectors.length < 2) return params.map(alone);
  const sizes = vectors.map(({ shape }) => shape[0]!);
  const length = sizes.reduce((sum, size) => sum + size, 0);
  const joined: UpdateUnit = {
    spec: { ...vectors[0]!, shape: [length] },
    params: vectors,
    join: (tensorOf) => tf.concat(vectors.map(({ name }) => tensorOf(name))),
    split: (tensor) => tf.split(tensor, sizes).map((part, i) => [vectors[i]!.name, part] as const),
  };
  return [...params.filter((param) => !joinable(param)).map(alone), joined];
}
