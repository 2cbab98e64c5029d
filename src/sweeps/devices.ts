/**
 * Devices that a sweep can be planned for without being on one (`isoloss plan --on`). Rates and memory are the makers'
 * figures; how much of the rate training reaches is an assumption, stated here and wherever the result is shown.
 */
import { UsageError } from '../store/errors.js';
import { didYouMean } from '../ops/nearest.js';

export interface Device {
  readonly name: string;
  readonly label: string;
  /** Dense rate of matrix products on f32 data: TF32 where the device has it, otherwise f32. */
  readonly peakFlopsPerSecond: number;
  readonly memoryBytes: number;
  /** Where the figures are from. */
  readonly source: string;
}

const GB = 1e9;

export const DEVICES: readonly Device[] = [
  {
    name: 't4',
    label: 'NVIDIA T4',
    peakFlopsPerSecond: 8.1e12,
    memoryBytes: 16 * GB,
    source: 'NVIDIA T4 datasheet, f32',
  },
  {
    name: 'v100',
    label: 'NVIDIA V100 SXM2 32 GB',
    peakFlopsPerSecond: 15.7e12,
    memoryBytes: 32 * GB,
    source: 'NVIDIA V100 datasheet, f32',
  },
  {
    name: 'l4',
    label: 'NVIDIA L4',
    peakFlopsPerSecond: 60e12,
    memoryBytes: 24 * GB,
    source: 'NVIDIA L4 datasheet, TF32 without sparsity',
  },
  {
    name: 'a100',
    label: 'NVIDIA A100 SXM 80 GB',
    peakFlopsPerSecond: 156e12,
    memoryBytes: 80 * GB,
    source: 'NVIDIA A100 datasheet, TF32 without sparsity',
  },
  {
    name: 'h100',
    label: 'NVIDIA H100 SXM',
    peakFlopsPerSecond: 494.7e12,
    memoryBytes: 80 * GB,
    source: 'NVIDIA H100 datasheet, TF32 without sparsity',
  },
  {
    name: 'h200',
    label: 'NVIDIA H200 SXM',
    peakFlopsPerSecond: 494.7e12,
    memoryBytes: 141 * GB,
    source: 'NVIDIA H200 datasheet, TF32 without sparsity',
  },
];

/** Share of the peak rate that training of large models is assumed to reach. */
const ASSUMED_SHARE = 0.3;

/** Seconds that a launched operation takes at least: what bounds small models on a fast device. An assumption. */
const ASSUMED_LAUNCH_SECONDS = 5e-6;

/** Seconds of a run outside of its steps: start, compilation, files. An assumption. */
export const ASSUMED_OVERHEAD_SECONDS = 20;

/** @throws UsageError naming the devices there are */
export function findDevice(name: string): Device {
  const device = DEVICES.find((candidate) => candidate.name === name.toLowerCase());
  if (device !== undefined) return device;
  const known = DEVICES.map((candidate) => candidate.name);
  throw new UsageError(
    `There is no device "${name}" to plan for.${didYouMean(name.toLowerCase(), known)} Known: ${known.join(', ')}; ` +
      'without --on the plan is for this machine.',
  );
}

/** Seconds a step would take: its FLOPs at the assumed share of the rate, and no less than launching its operations. */
export function deviceSecondsPerStep(device: Device, flopsPerStep: number, operations: number): number {
  return Math.max(
    flopsPerStep / (ASSUMED_SHARE * device.peakFlopsPerSecond),
    operations * ASSUMED_LAUNCH_SECONDS,
  );
}

/** What those seconds rest on. */
export const deviceBasis = (device: Device): string =>
  `${ASSUMED_SHARE * 100}% of ${(device.peakFlopsPerSecond / 1e12).toFixed(1)} TFLOP/s (${device.source}) or ` +
  `${ASSUMED_LAUNCH_SECONDS * 1e6} µs an operation, whichever is longer: assumptions, nothing was measured there`;
