/** Names of the tensors of a training state. */
import type { ParamSpec } from '../models/params.js';
import type { Optimizer } from './optimizers.js';

const PARAM = 'param/';

/** Names of the state tensor of a parameter and of its optimizer slots. */
export const paramKey = (name: string): string => PARAM + name;
export const slotKey = (slot: string, name: string): string => `${slot}/${name}`;

/** Names of all state tensors of a parameter. */
export const stateKeys = (param: ParamSpec, optimizer: Optimizer): string[] => [
  paramKey(param.name),
  ...Object.keys(optimizer.slots(param)).map((slot) => slotKey(slot, param.name)),
];
