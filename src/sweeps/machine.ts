/** What this machine offers, and how many workers and threads a sweep takes of it. */
import { availableParallelism, freemem, totalmem } from 'node:os';
import { type CudaDevice, visibleCudaDevices } from '../engine/cudaDevices.js';
import { ENGINES, type EngineName } from '../engine/engineNames.js';
import type { SweepFile } from './schema.js';

/** Memory set aside for each worker when their number is chosen: the runtime, the corpus, a small model. */
const WORKER_BYTES = 600 * 2 ** 20;

/** How a sweep is spread over a machine. */
export interface WorkerSetting {
  readonly workers: number;
  readonly threads: number;
  readonly engine: EngineName;
  /** GPUs that workers are bound to in turn, as `CUDA_VISIBLE_DEVICES` names them; none where they are bound to none. */
  readonly devices: readonly string[];
  /** Memory of the smallest of those GPUs; null without any, or where the driver does not tell. */
  readonly deviceBytes: number | null;
  /** What neither the sweep nor the command line says, and no measurement of this machine. */
  readonly open: 'nothing' | 'workers' | 'workers and threads';
  /** Whether workers and threads were chosen by a measurement. */
  readonly measured: boolean;
}

interface Machine {
  readonly cores: number;
  readonly memoryBytes: number;
  readonly cudaDevices: () => readonly CudaDevice[];
}

/**
 * Chooses workers and threads by rule, where nothing was measured. Small models gain more from a second worker than from a
 * second thread, so `auto` is one thread a worker and one worker a core, as far as memory allows. It depends on the machine
 * alone, not on what is left to do, since a cut-off run goes on only at its own number of threads. An engine on GPUs gets
 * one worker a GPU that it can bind a process to.
 *
 * @param measured workers and threads that were measured on this machine for this sweep, if any
 */
export function workerSetting(
  asked: Pick<SweepFile, 'workers' | 'threads' | 'engine'>,
  measured: { readonly workers: number; readonly threads: number } | null = null,
  machine: Machine = {
    cores: availableParallelism(),
    memoryBytes: availableMemory(),
    cudaDevices: visibleCudaDevices,
  },
): WorkerSetting {
  const { engine } = asked;
  const threads = asked.threads === 'auto' ? 1 : asked.threads;
  const { computesOn } = ENGINES[engine];
  const gpus = computesOn === 'a GPU each' ? machine.cudaDevices() : [];
  const sizes = gpus.flatMap(({ memoryBytes }) => memoryBytes ?? []);
  const rest = {
    threads,
    engine,
    devices: gpus.map(({ id }) => id),
    deviceBytes: sizes.length === 0 ? null : Math.min(...sizes),
    open: 'nothing',
    measured: false,
  } as const;
  if (asked.workers !== 'auto') return { workers: asked.workers, ...rest };
  if (computesOn !== 'cores') return { workers: Math.max(1, gpus.length), ...rest };
  if (asked.threads === 'auto' && measured !== null) return { ...rest, ...measured, measured: true };
  const byCores = Math.floor(machine.cores / threads);
  const byMemory = Math.floor(machine.memoryBytes / WORKER_BYTES);
  const open = asked.threads === 'auto' ? 'workers and threads' : 'workers';
  return { ...rest, workers: Math.max(1, Math.min(byCores, byMemory)), open };
}

/** All of this machine's memory, or what a container limits it to where Node knows of that. */
export function machineMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

/** Bytes that processes may still take, limits of a container included where Node knows of them. */
function availableMemory(): number {
  return 'availableMemory' in process && typeof process.availableMemory === 'function'
    ? process.availableMemory()
    : freemem();
}
