/** What an optimizer updates at a time: a parameter, or in a graph that is trained small ones joined. */
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

/** Elements up to which a parameter's update takes longer to begin its dozen operations than to do them. */
const SMALL = 8192;

/**
 * Small parameters are many, and an update takes a dozen operations each; an update that looks at each element alone comes
 * to the same for several at once: for all that differ in their first dimension alone and are decayed alike. The naive graph,
 * on which run keys stand, updates every parameter alone.
 */
export function updateUnits(
  params: readonly ParamSpec[],
  optimizer: Optimizer,
  joins = hasFusedKernels(),
): UpdateUnit[] {
  if (!joins || !optimizer.elementwise) return params.map(alone);
  const groups = new Map<string, ParamSpec[]>();
  for (const param of params) {
    const { name, shape, decay } = param;
    const small = shape.length > 0 && shape.reduce((product, dim) => product * dim, 1) <= SMALL;
    const key = small ? `${decay}|${shape.slice(1).join()}` : name;
    groups.set(key, [...(groups.get(key) ?? []), param]);
  }
  return [...groups.values()].map((group) => (group.length === 1 ? alone(group[0]!) : joined(group)));
}

function joined(params: readonly ParamSpec[]): UpdateUnit {
  const [first] = params as [ParamSpec];
  const lengths = params.map(({ shape }) => shape[0]!);
  const length = lengths.reduce((sum, rows) => sum + rows, 0);
  return {
    spec: { ...first, shape: [length, ...first.shape.slice(1)] },
    params,
    join: (tensorOf) =>
      tf.concat(
        params.map(({ name }) => tensorOf(name)),
        0,
      ),
    split: (tensor) => tf.split(tensor, lengths, 0).map((part, i) => [params[i]!.name, part] as const),
  };
}
