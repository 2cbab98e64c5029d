/** Learning-rate schedules: the rate of each step, a number between 0 and the peak rate. Steps count from 1. */
import type { ScheduleSetup } from '../store/record.js';

/**
 * Factor of the peak learning rate at a step.
 * - cosine: linear warm-up, then half a cosine to `finalFraction` (Loshchilov and Hutter 2017)
 * - rsqrt: linear warm-up, then sqrt(warmup / step) (T5's reciprocal square root)
 * - wsd: linear warm-up, constant, linear decay to `finalFraction` over the last `decayFraction` (Hu et al. 2024); see
 *   `branchStep`
 * - constant: linear warm-up, then constant
 * @param step from 1 to steps
 */
export function scheduleFactor(schedule: ScheduleSetup, step: number, steps: number): number {
  switch (schedule.kind) {
    case 'rsqrt':
      return Math.min(step / schedule.warmupSteps, Math.sqrt(schedule.warmupSteps / step));
    case 'constant':
      return warmup(schedule.warmupFraction, step, steps) ?? 1;
    case 'cosine': {
      const rising = warmup(schedule.warmupFraction, step, steps);
      if (rising !== null) return rising;
      const start = warmupSteps(schedule.warmupFraction, steps);
      const progress = (step - start) / Math.max(steps - start, 1);
      return schedule.finalFraction + (1 - schedule.finalFraction) * 0.5 * (1 + Math.cos(Math.PI * progress));
    }
    case 'wsd': {
      const rising = step < schedule.warmupSteps ? step / schedule.warmupSteps : 1;
      const left = (steps - step) / decaySteps(schedule.decayFraction, steps);
      const falling = left >= 1 ? 1 : schedule.finalFraction + (1 - schedule.finalFraction) * left;
      return Math.min(rising, falling);
    }
    default:
      return schedule satisfies never;
  }
}

/**
 * The step at which a run leaves its trunk: up to it, the rates of a longer run under the same schedule are the same.
 *
 * @returns null where the rates depend on the run's length from the beginning on
 */
export function branchStep(schedule: ScheduleSetup, steps: number): number | null {
  if (schedule.kind !== 'wsd') return null;
  const step = steps - decaySteps(schedule.decayFraction, steps);
  return step > 0 ? step : null;
}

const decaySteps = (fraction: number, steps: number): number => Math.max(Math.round(fraction * steps), 1);

const warmupSteps = (fraction: number, steps: number): number => Math.round(fraction * steps);

/** The factor during warm-up, or null after it. */
function warmup(fraction: number, step: number, steps: number): number | null {
  const length = warmupSteps(fraction, steps);
  return step < length ? step / length : null;
}
