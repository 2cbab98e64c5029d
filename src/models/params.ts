/** Parameters of a model: their names, shapes, initial values and what an optimizer may do to them. */
import { uniformStream } from '../ops/uniformStream.js';

export type Init =
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'constant'; readonly value: number }
  /** One value for each row, the same in every column: a convolution kernel. */
  | { readonly kind: 'rows'; readonly values: readonly number[] };

/** What a parameter belongs to, for counts by group. `embedding` and `output` are left out of `paramsNonEmbedding`. */
export type ParamGroup =
  | 'embedding'
  | 'output'
  | 'attention'
  | 'convolution'
  | 'feedForward'
  | 'experts'
  | 'router'
  | 'norm'
  | 'positions';

export interface ParamSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly init: Init;
  readonly group: ParamGroup;
  /** Weight decay is for matrices only: not embeddings, norms, biases, relative bias or convolution kernels. */
  readonly decay: boolean;
  /** The first dimension counts so many experts, of which each token uses one. */
  readonly experts?: number;
}

const sizeOf = ({ shape }: ParamSpec): number => shape.reduce((product, dim) => product * dim, 1);

export interface ParamCounts {
  /** Tied weights once. */
  readonly paramsTotal: number;
  /** Without the input embedding and the output matrix. */
  readonly paramsNonEmbedding: number;
  /** Used for each token; below the total only where experts are chosen. */
  readonly paramsActive: number;
  readonly paramsByGroup: Readonly<Record<string, number>>;
}

/** Counts by the conventions of docs/numbers.md ("Size"). */
export function countParams(specs: readonly ParamSpec[]): ParamCounts {
  const paramsByGroup: Record<string, number> = {};
  for (const spec of specs) paramsByGroup[spec.group] = (paramsByGroup[spec.group] ?? 0) + sizeOf(spec);
  const paramsTotal = Object.values(paramsByGroup).reduce((sum, count) => sum + count, 0);
  const embeddings = (paramsByGroup['embedding'] ?? 0) + (paramsByGroup['output'] ?? 0);
  const paramsActive = specs.reduce((sum, spec) => sum + sizeOf(spec) / (spec.experts ?? 1), 0);
  return { paramsTotal, paramsNonEmbedding: paramsTotal - embeddings, paramsActive, paramsByGroup };
}

/** Standard normal numbers by Box and Muller's method. */
function normalStream(uniform: () => number): () => number {
  let spare: number | null = null;
  return () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

/**
 * Initial values of one parameter. They depend on the seed, the name, the shape and the initial-value rule alone, so that
 * architectures that share a parameter start from the same numbers.
 */
export function initialValue(spec: ParamSpec, seed: number): Float32Array {
  const values = new Float32Array(sizeOf(spec));
  switch (spec.init.kind) {
    case 'constant':
      return values.fill(spec.init.value);
    case 'rows': {
      const columns = spec.shape[1]!;
      spec.init.values.forEach((value, row) => values.fill(value, row * columns, (row + 1) * columns));
      return values;
    }
    case 'normal': {
      const normal = normalStream(uniformStream(`${seed}|${spec.name}|${spec.shape.join()}`));
      for (let i = 0; i < values.length; i++) values[i] = spec.init.std * normal();
      return values;
    }
    default:
      return spec.init satisfies never;
  }
}
