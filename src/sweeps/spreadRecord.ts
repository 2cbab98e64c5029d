/** results/<sweep>/spread.json: how a sweep is spread over the cores of a machine, as it was measured there. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { makeDirectory } from '../data/folders.js';
import { cpuModel } from '../engine/cpu.js';
import type { EngineName } from '../engine/engineNames.js';
import { writeJsonAtomic } from '../store/files.js';
import { readJson, sweepDirectory } from '../store/runDirectory.js';

const splitSchema = z.object({
  workers: z.number().int().positive(),
  threads: z.number().int().positive(),
});
const spreadSchema = z.object({
  format: z.literal(1),
  /** The machine and the engine that were measured; on others the file says nothing. */
  cpu: z.string(),
  cores: z.number().int().positive(),
  engine: z.string(),
  measuredAt: z.string(),
  ...splitSchema.shape,
  /** FLOP/s of all workers together over the sweep's models, by what was tried. */
  tried: z.array(splitSchema.extend({ flopsPerSecond: z.number().positive() })).min(1),
});

/** results/<sweep>/spread.json */
export type Spread = z.infer<typeof spreadSchema>;

/** Workers and threads of each. */
export type Split = z.infer<typeof splitSchema>;

const spreadPath = (resultsDir: string, sweep: string): string =>
  join(sweepDirectory(resultsDir, sweep), 'spread.json');

/**
 * What was measured for a sweep on this machine with this engine; null where nothing was.
 *
 * @throws UsageError where spread.json is broken
 */
export function keptSpread(resultsDir: string, sweep: string, engine: EngineName): Spread | null {
  const path = spreadPath(resultsDir, sweep);
  const kept = readJson(path, spreadSchema, 'Remove it: the next `isoloss run` measures again.');
  if (kept?.cpu !== cpuModel() || kept.cores !== availableParallelism()) return null;
  return kept.engine === engine ? kept : null;
}

/** Keeps what was measured, for every later command on the sweep. */
export function keepSpread(
  resultsDir: string,
  sweep: string,
  measured: Omit<Spread, 'format' | 'cpu' | 'cores' | 'measuredAt'>,
): void {
  const measuredAt = new Date().toISOString();
  const spread: Spread = {
    format: 1,
    cpu: cpuModel(),
    cores: availableParallelism(),
    measuredAt,
    ...measured,
  };
  makeDirectory(sweepDirectory(resultsDir, sweep));
  writeJsonAtomic(spreadPath(resultsDir, sweep), spread);
}
