/** A training step over parts of its batch: what each thread computes alone, and what they put together. */
import type { FunctionProgram, StepParts } from '../engine/executable.js';
import type { HostArray, TensorSpec } from '../engine/tensors.js';
import type { Tensors } from '../engine/trace/trace.js';
import type { LanguageModel } from '../models/model.js';
import { tf, type Tensor } from '../ops/tf.js';
import { scalarSpecs, type Optimizer } from './optimizers.js';
import { paramKey, stateKeys } from './stateNames.js';
import { clipped, squareSum, sumOfAll, updated } from './update.js';
import { updateUnits, type UpdateUnit } from './updateUnits.js';

interface Batch {
  readonly batchSize: number;
  readonly contextLength: number;
}

/** Loss and gradients by parameter name, both times `share`, of a batch. */
type PartGradients = (
  batch: Batch,
  share: number,
) => {
  readonly inputs: readonly TensorSpec[];
  readonly fn: (inputs: Tensors) => { readonly loss: Tensor; readonly gradients: Tensors };
};

const scalarSpec = (name: string): TensorSpec => ({ name, shape: [], dtype: 'float32' });
const numbered = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Columns of time-major tokens: the sequences of a part. @param values [contextLength * batchSize] */
function sequencesOf(values: HostArray, batchSize: number, part: number, parts: number): HostArray {
  const width = batchSize / parts;
  const kept = (_: unknown, i: number): boolean => Math.floor((i % batchSize) / width) === part;
  return values instanceof Float32Array ? values.filter(kept) : values.filter(kept);
}

/** Null where a sequence's loss may depend on other sequences. @param state of the whole step */
export function stepParts(
  model: LanguageModel,
  optimizer: Optimizer,
  clipNorm: number | null,
  batch: Batch,
  state: readonly TensorSpec[],
  partGradients: PartGradients,
): StepParts | null {
  if (model.independentSequences !== true) return null;
  const units = updateUnits(model.params, optimizer, true);
  const chosen = (shares: readonly number[]): UpdateUnit[] => shares.map((share) => units[share]!);
  const gradientKey = (part: number, name: string): string => `${part}/gradient/${paramKey(name)}`;

  const gradients = (parts: number): FunctionProgram => {
    const { inputs, fn } = partGradients({ ...batch, batchSize: batch.batchSize / parts }, 1 / parts);
    return {
      inputs,
      fn(tensors) {
        const { loss, gradients } = fn(tensors);
        const named = Object.entries(gradients).map(([name, value]) => [`gradient/${paramKey(name)}`, value]);
        return { loss, ...(Object.fromEntries(named) as Tensors) };
      },
    };
  };

  const sum = (parts: number, shares: readonly number[]): FunctionProgram => ({
    inputs: numbered(parts).flatMap((part) =>
      chosen(shares).flatMap(({ params }) =>
        params.map(({ name, shape }): TensorSpec => ({
          name: gradientKey(part, name),
          shape,
          dtype: 'float32',
        })),
      ),
    ),
    fn(tensors) {
      const sums = chosen(shares).map(({ join }) =>
        sumOfAll(numbered(parts).map((part) => join((name) => tensors[gradientKey(part, name)]!))),
      );
      const named = sums.map((gradient, i) => [`sum/${shares[i]!}`, gradient] as const);
      return { ...Object.fromEntries(named), squares: squareSum(sums) };
    },
  });

  const update = (parts: number, shares: readonly number[]): FunctionProgram => {
    const own = new Set(
      chosen(shares).flatMap(({ params }) => params.flatMap((p) => stateKeys(p, optimizer))),
    );
    return {
      inputs: [
        ...shares.map((share): TensorSpec => ({
          name: `sum/${share}`,
          shape: units[share]!.spec.shape,
          dtype: 'float32',
        })),
        ...numbered(parts).flatMap((part) => [scalarSpec(`${part}/squares`), scalarSpec(`${part}/loss`)]),
        ...scalarSpecs(optimizer),
        ...state.filter(({ name }) => own.has(name)),
      ],
      fn(tensors) {
        const ofParts = (name: string): Tensor =>
          sumOfAll(numbered(parts).map((part) => tensors[`${part}/${name}`]!));
        const gradNorm = tf.sqrt(ofParts('squares'));
        const sums = clipped(
          shares.map((share) => tensors[`sum/${share}`]!),
          gradNorm,
          clipNorm,
        );
        const next = Object.entries(updated(chosen(shares), sums, optimizer, tensors, tensors)).map(
          ([name, value]) => [`next/${name}`, value] as const,
        );
        return { ...Object.fromEntries(next), loss: ofParts('loss'), gradNorm };
      },
    };
  };

  return {
    divides: (parts) => batch.batchSize % parts === 0,
    shares: units.map(({ params }) => ({
      params: params.map(({ name }) => paramKey(name)),
      state: params.flatMap((param) => stateKeys(param, optimizer)),
    })),
    divided: ['inputs', 'targets'],
    partOf: (values, part, parts) => sequencesOf(values, batch.batchSize, part, parts),
    gradients,
    sum,
    update,
  };
}
