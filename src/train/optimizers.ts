/** Optimizers as plain functions over one parameter; what changes from step to step enters as scalar tensors. */
import { tf, type Tensor } from '../ops/tf.js';
import type { ParamSpec } from '../models/params.js';
import type { OptimizerSetup } from '../store/record.js';
import type { TensorSpec } from '../engine/tensors.js';

/** The optimizer of studies at small scale, for whatever belongs to no sweep: benches, checks, plans of one model. */
export const SMALL_SCALE_ADAMW: OptimizerSetup = {
  kind: 'adamw',
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  clipNorm: 1,
};

export interface ParamUpdate {
  readonly param: Tensor;
  readonly slots: Readonly<Record<string, Tensor>>;
}

export interface Optimizer {
  /** State of a parameter beside its value, by slot name; all start at zero. */
  readonly slots: (param: ParamSpec) => Readonly<Record<string, readonly number[]>>;
  /** Each element's update depends on nothing but that element, its gradient and slots, and the scalars. */
  readonly elementwise: boolean;
  /** Scalars that differ from step to step. */
  readonly scalars: readonly string[];
  /** Their values at a step (from 1) with this learning rate. */
  readonly scalarValues: (step: number, learningRate: number) => Readonly<Record<string, number>>;
  readonly update: (
    spec: ParamSpec,
    param: Tensor,
    gradient: Tensor,
    slots: Slots,
    scalars: Slots,
  ) => ParamUpdate;
}

type Slots = Readonly<Record<string, Tensor>>;
type AdamWSetup = Extract<OptimizerSetup, { kind: 'adamw' }>;
type AdafactorSetup = Extract<OptimizerSetup, { kind: 'adafactor' }>;

export function makeOptimizer(setup: OptimizerSetup): Optimizer {
  switch (setup.kind) {
    case 'adamw':
      return adamw(setup);
    case 'adafactor':
      return adafactor(setup);
    default:
      return setup satisfies never;
  }
}

/**
 * AdamW (Loshchilov and Hutter 2019, algorithm 2). The state holds the plain sums m / (1 - beta1) and v / (1 - beta2), which
 * saves two passes over every parameter; the factors that are left go into the step's scalars:
 * `p <- p decay - rate M / (sqrt(V) + epsilon)` with M <- beta1 M + g, V <- beta2 V + g^2.
 */
function adamw({ beta1, beta2, epsilon, weightDecay }: AdamWSetup): Optimizer {
  return {
    elementwise: true,
    slots: ({ shape }) => ({ gradientSum: shape, squareSum: shape }),
    scalars: ['rate', 'epsilon', 'decay'],
    scalarValues(step, learningRate) {
      const first = (1 - beta1) / (1 - beta1 ** step);
      const second = Math.sqrt((1 - beta2) / (1 - beta2 ** step));
      return {
        rate: (learningRate * first) / second,
        epsilon: epsilon / second,
        decay: 1 - learningRate * weightDecay,
      };
    },
    update(spec, param, gradient, slots, scalars) {
      const gradientSum = tf.add(tf.mul(slots['gradientSum']!, beta1), gradient);
      const squareSum = tf.add(tf.mul(slots['squareSum']!, beta2), tf.square(gradient));
      const direction = tf.div(gradientSum, tf.add(tf.sqrt(squareSum), scalars['epsilon']!));
      const kept = spec.decay && weightDecay > 0 ? tf.mul(param, scalars['decay']!) : param;
      return { param: tf.sub(kept, tf.mul(direction, scalars['rate']!)), slots: { gradientSum, squareSum } };
    },
  };
}

/** Added to squared gradients, and the least root mean square that scales a rate (Shazeer and Stern 2018, algorithm 4). */
const ADAFACTOR_EPSILON1 = 1e-30;
const ADAFACTOR_EPSILON2 = 1e-3;
/** Mesh TensorFlow keeps rows and columns only where both are at least this large. */
const ADAFACTOR_MIN_FACTORED = 128;

const isFactored = ({ shape }: ParamSpec): boolean =>
  shape.length === 2 && shape.every((dim) => dim >= ADAFACTOR_MIN_FACTORED);

/** Adafactor as Mesh TensorFlow has it: parameter scale on, decay 1 - t^-0.8, updates clipped to root mean square 1, no momentum. */
function adafactor({ weightDecay }: AdafactorSetup): Optimizer {
  const rms = (x: Tensor): Tensor => tf.sqrt(tf.mean(tf.square(x)));
  return {
    elementwise: false,
    slots: (spec) =>
      isFactored(spec)
        ? { rows: [spec.shape[0]!, 1], columns: [1, spec.shape[1]!] }
        : { squares: spec.shape },
    scalars: ['rate', 'mix', 'keep', 'decay'],
    scalarValues(step, learningRate) {
      const keep = 1 - step ** -0.8;
      return { rate: learningRate, keep, mix: 1 - keep, decay: 1 - learningRate * weightDecay };
    },
    update(spec, param, gradient, slots, scalars) {
      const squared = tf.add(tf.square(gradient), ADAFACTOR_EPSILON1);
      const average = (old: Tensor, now: Tensor): Tensor =>
        tf.add(tf.mul(old, scalars['keep']!), tf.mul(now, scalars['mix']!));
      let next: Record<string, Tensor>;
      let variance: Tensor;
      if (isFactored(spec)) {
        const rows = average(slots['rows']!, tf.mean(squared, 1, true));
        const columns = average(slots['columns']!, tf.mean(squared, 0, true));
        next = { rows, columns };
        variance = tf.mul(tf.div(rows, tf.mean(rows)), columns);
      } else {
        variance = average(slots['squares']!, squared);
        next = { squares: variance };
      }
      const update = tf.mul(gradient, tf.rsqrt(variance));
      const clipped = tf.div(update, tf.maximum(rms(update), 1));
      const scale = tf.mul(tf.maximum(rms(param), ADAFACTOR_EPSILON2), scalars['rate']!);
      const kept = spec.decay && weightDecay > 0 ? tf.mul(param, scalars['decay']!) : param;
      return { param: tf.sub(kept, tf.mul(clipped, scale)), slots: next };
    },
  };
}

export const scalarSpecs = (optimizer: Optimizer): TensorSpec[] =>
  optimizer.scalars.map((name) => ({ name: `scalar/${name}`, shape: [], dtype: 'float32' }));
