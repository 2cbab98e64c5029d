/** Normalisation layers of the decoder. */
import { layerNorm, primerNormLingvo, rmsNorm } from '../ops/norms.js';
import type { Tensor } from '../ops/tf.js';
import type { DecoderOptions } from './decoderOptions.js';
import type { Params } from './model.js';
import type { ParamSpec } from './params.js';
import { vector } from './paramSpecs.js';

export function normParams(prefix: string, width: number, { norm }: DecoderOptions): ParamSpec[] {
  const gamma = vector(`${prefix}.gamma`, width, 1, 'norm');
  return norm === 'rmsNorm' ? [gamma] : [gamma, vector(`${prefix}.beta`, width, 0, 'norm')];
}

/** @param x [rows, width] */
export function normalise(prefix: string, x: Tensor, params: Params, { norm }: DecoderOptions): Tensor {
  const gamma = params[`${prefix}.gamma`]!;
  switch (norm) {
    case 'rmsNorm':
      return rmsNorm(x, gamma);
    case 'layerNorm':
      return layerNorm(x, gamma, params[`${prefix}.beta`]!);
    case 'primerNormLingvo':
      return primerNormLingvo(x, gamma, params[`${prefix}.beta`]!);
    default:
      return norm satisfies never;
  }
}
