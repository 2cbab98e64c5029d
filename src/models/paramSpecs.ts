/** Parameter specifications that layers are put together from, with the project's initial values (docs/numbers.md). */
import type { ModelShape } from './model.js';
import type { Init, ParamGroup, ParamSpec } from './params.js';

const constant = (value: number): Init => ({ kind: 'constant', value });
const normal = (std: number): Init => ({ kind: 'normal', std });

/** A matrix that multiplies activations, so it is decayed. */
export const matrix = (
  name: string,
  rows: number,
  columns: number,
  std: number,
  group: ParamGroup,
): ParamSpec => ({ name, shape: [rows, columns], init: normal(std), group, decay: true });

export const vector = (name: string, length: number, value: number, group: ParamGroup): ParamSpec => ({
  name,
  shape: [length],
  init: constant(value),
  group,
  decay: false,
});

/** A kernel [width, channels] of a depthwise convolution, the same for every channel to begin with. */
export const kernelOf = (name: string, values: readonly number[], channels: number): ParamSpec => ({
  name,
  shape: [values.length, channels],
  init: { kind: 'rows', values },
  group: 'convolution',
  decay: false,
});

/** A table that is added to or multiplied into activations by position: not a matrix of the optimizer's. */
export const table = (name: string, shape: readonly number[], init: Init, group: ParamGroup): ParamSpec => ({
  name,
  shape,
  init,
  group,
  decay: false,
});

/** One matrix [rows, columns] for each expert; a token passes through one of them. */
export const expertMatrices = (
  name: string,
  experts: number,
  rows: number,
  columns: number,
  std: number,
): ParamSpec => ({
  name,
  shape: [experts, rows, columns],
  init: normal(std),
  group: 'experts',
  decay: true,
  experts,
});

/** Projections that write to the residual stream start smaller, so that its variance does not grow with depth (Radford et al. 2019). */
export const residualScale = ({ init, nLayers }: ModelShape): number =>
  init === 'small' ? 1 / Math.sqrt(2 * nLayers) : 1;
