/** A server over a small results folder, with the pages' scripts made from their sources. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { startServer, type RunningServer, type ServeOptions } from '../../src/serve/server.js';
import { acquireLock } from '../../src/store/lock.js';
import { MetricsLog } from '../../src/store/metricsLog.js';
import type { RunRecord } from '../../src/store/record.js';
import { updateRunRecord, writeSweepRecord } from '../../src/store/runDirectory.js';
import { key, makeRun, makeSweep, trainRow } from '../store/records.js';
import { writeRun, writeSmallStudy } from '../store/results.js';

/** Would run in a page that took a name for markup. */
export const HOSTILE = `<script>document.title='taken'</script><img src=x onerror="document.title='taken'">"'`;

export interface TestSite {
  readonly results: string;
  readonly server: RunningServer;
  /** Address of a path. */
  at(path: string): string;
  close(): Promise<void>;
}

/** Starts a server over the small study of the store's tests. */
export async function startSite(options: Partial<ServeOptions> = {}): Promise<TestSite> {
  const folder = mkdtempSync(join(tmpdir(), 'isoloss-serve-'));
  const results = join(folder, 'results');
  mkdirSync(results);
  writeSmallStudy(results);
  const server = await startServer({
    resultsDir: results,
    port: 0,
    clientDir: transpiledClient(folder),
    ...options,
  });
  return {
    results,
    server,
    at: (path) => new URL(path, server.url).href,
    close: async () => {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function transpiledClient(folder: string): string {
  const source = fileURLToPath(new URL('../../src/serve/client/', import.meta.url));
  const target = join(folder, 'client');
  mkdirSync(target);
  for (const name of readdirSync(source)) {
    if (!name.endsWith('.ts')) continue;
    const { outputText } = ts.transpileModule(readFileSync(join(source, name), 'utf8'), {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 },
    });
    writeFileSync(join(target, name.replace(/\.ts$/, '.js')), outputText);
  }
  return target;
}

/** A sweep whose title, description and architecture are markup. */
export function writeHostileSweep(results: string): RunRecord {
  const run = makeRun({ runKey: key(77), sweep: 'hostile', arch: HOSTILE, status: 'failed' });
  const record: RunRecord = { ...run, cause: `Died of ${HOSTILE}` };
  writeRun(results, record);
  writeSweepRecord(results, { ...makeSweep('hostile', [record]), title: HOSTILE, description: HOSTILE });
  return record;
}

/** A run that this process trains, as far as anyone can tell: its lock is held, and steps are added by hand. */
export interface LiveRun {
  readonly runKey: string;
  readonly directory: string;
  /** Trains so many steps more. */
  train(steps: number): void;
  end(): void;
}

export async function startRun(results: string): Promise<LiveRun> {
  const planned = makeRun({ runKey: key(88), sweep: 'live', arch: 'primer', steps: 400, status: 'running' });
  const record: RunRecord = { ...planned, stepsDone: 0 };
  const directory = writeRun(results, record, []);
  const waiting = makeRun({ runKey: key(89), sweep: 'live', arch: 'primer', steps: 400 });
  writeSweepRecord(results, makeSweep('live', [record, waiting]));
  const taken = await acquireLock(directory);
  if (!taken.acquired) throw new Error(taken.reason);
  const log = new MetricsLog(directory);
  let step = 0;
  return {
    runKey: record.runKey,
    directory,
    train: (steps) => {
      log.append(Array.from({ length: steps }, (_, i) => trainRow(step + i + 1)));
      step += steps;
    },
    end: () => {
      log.close();
      updateRunRecord(directory, { status: 'interrupted', cause: 'stopped by request', stepsDone: step });
      taken.lock.release();
    },
  };
}
