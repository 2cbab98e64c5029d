/** The files that the index is made from, and how it is noticed that they changed. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError } from './files.js';
import { listRuns, listSweepFolders, metricsPath, runRecordPath } from './runDirectory.js';

/** One thing that is read as a whole: a run directory (run.json and metrics.jsonl), a sweep.json, a timings.json or an imported.json. */
export interface Source {
  /** Relative to the results folder, with `/`. */
  readonly path: string;
  readonly kind: 'run' | 'sweep' | 'timings' | 'imported';
  /** Differs whenever its files do; empty where there are none. */
  readonly fingerprint: string;
}

/** All sources of a results folder. */
export function* scanSources(resultsDir: string): Generator<Source> {
  for (const sweep of listSweepFolders(resultsDir)) {
    const candidates: Omit<Source, 'fingerprint'>[] = [
      { path: `${sweep}/sweep.json`, kind: 'sweep' },
      { path: `${sweep}/timings.json`, kind: 'timings' },
      { path: `${sweep}/imported.json`, kind: 'imported' },
      ...listRuns(resultsDir, sweep).map(({ runKey }) => ({
        path: `${sweep}/${runKey}`,
        kind: 'run' as const,
      })),
    ];
    for (const candidate of candidates) {
      const source = { ...candidate, fingerprint: fingerprint(resultsDir, candidate) };
      if (source.fingerprint !== '') yield source;
    }
  }
}

/** Size, modification time and file number of a source's files; empty where the one that makes it a source is missing. */
export function fingerprint(resultsDir: string, source: Pick<Source, 'path' | 'kind'>): string {
  const path = join(resultsDir, source.path);
  if (source.kind !== 'run') return fileFingerprint(path);
  const record = fileFingerprint(runRecordPath(path));
  return record === '' ? '' : `${record} ${fileFingerprint(metricsPath(path))}`;
}

function fileFingerprint(path: string): string {
  try {
    const { size, mtimeNs, ino } = statSync(path, { bigint: true });
    return `${size}:${mtimeNs}:${ino}`;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return '';
    throw error;
  }
}
