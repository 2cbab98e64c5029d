/** From gradients to the next state: clipping and the optimizer's update of some units of parameters. */
import type { Tensors } from '../engine/trace/trace.js';
import { tf, type Tensor } from '../ops/tf.js';
import type { Optimizer } from './optimizers.js';
import { paramKey, slotKey } from './stateNames.js';
import type { UpdateUnit } from './updateUnits.js';

export const sumOfAll = (tensors: readonly Tensor[]): Tensor =>
  tensors.reduce((sum, tensor) => tf.add(sum, tensor));

export const squareSum = (gradients: readonly Tensor[]): Tensor =>
  sumOfAll(gradients.map((gradient) => tf.sum(tf.square(gradient))));

/** Gradients multiplied by min(1, clipNorm / norm) (Pascanu et al. 2013). */
export function clipped(gradients: readonly Tensor[], norm: Tensor, clipNorm: number | null): Tensor[] {
  if (clipNorm === null) return [...gradients];
  const factor = tf.minimum(tf.div(clipNorm, tf.add(norm, 1e-6)), 1);
  return gradients.map((gradient) => tf.mul(gradient, factor));
}

/**
 * @param gradients of each unit
 * @param perStep with the optimizer's scalars in it
 * @returns the next state of the units' parameters
 */
export function updated(
  units: readonly UpdateUnit[],
  gradients: readonly Tensor[],
  optimizer: Optimizer,
  state: Tensors,
  perStep: Tensors,
): Record<string, Tensor> {
  const scalars = Object.fromEntries(optimizer.scalars.map((name) => [name, perStep[`scalar/${name}`]!]));
  const next: Record<string, Tensor> = {};
  for (const [i, { spec, join, split }] of units.entries()) {
    const slots = Object.fromEntries(
      Object.keys(optimizer.slots(spec)).map((slot) => [slot, join((name) => state[slotKey(slot, name)]!)]),
    );
    const param = join((name) => state[paramKey(name)]!);
    const update = optimizer.update(spec, param, gradients[i]!, slots, scalars);
    for (const [name, tensor] of split(update.param)) next[paramKey(name)] = tensor;
    for (const [slot, joined] of Object.entries(update.slots)) {
      for (const [name, tensor] of split(joined)) next[slotKey(slot, name)] = tensor;
    }
  }
  return next;
}
