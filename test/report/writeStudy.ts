/** A made-up study as files, for what reads results. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Study } from '../../src/store/study.js';

/** Writes a study as the run directories that it would have been read from. */
export function writeStudy(resultsDir: string, study: Study): void {
  const sweepDir = join(resultsDir, study.sweep.name);
  mkdirSync(sweepDir, { recursive: true });
  writeFileSync(join(sweepDir, 'sweep.json'), JSON.stringify(study.sweep));
  if (study.timings !== null) writeFileSync(join(sweepDir, 'timings.json'), JSON.stringify(study.timings));
  for (const run of study.runs) {
    const runDir = join(sweepDir, run.runKey);
    mkdirSync(runDir);
    writeFileSync(join(runDir, 'run.json'), JSON.stringify(run));
    const rows = study.curves[run.runKey]!.map((row) => `${JSON.stringify(row)}\n`);
    writeFileSync(join(runDir, 'metrics.jsonl'), rows.join(''));
  }
}
