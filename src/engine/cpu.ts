/** The processor that results and seconds belong to. */
import { cpus } from 'node:os';

/** The CPU's model as the system names it; runs and timings are compared by it. */
export const cpuModel = (): string => cpus()[0]?.model.trim() ?? 'unknown';
