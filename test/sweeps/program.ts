/** The built program on a tiny sweep of real models, for tests that disturb it. Needs `npm run build`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { readLock } from '../../src/store/lock.js';
import { readMetrics } from '../../src/store/metricsLog.js';
import { listRuns, readRunRecord } from '../../src/store/runDirectory.js';

export const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
export const IS_BUILT = existsSync(PROGRAM);

/** A folder with 30 small texts. */
export function textFolder(wordsPerFile: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'isoloss-program-'));
  mkdirSync(join(folder, 'texts'));
  for (let file = 0; file < 30; file++) {
    const words = Array.from({ length: wordsPerFile }, (_, i) => ((i * i + file) % 997).toString(36));
    writeFileSync(join(folder, 'texts', `${file}.txt`), words.join(file % 2 === 0 ? ' ' : ', '));
  }
  return folder;
}

/** The first lines of a sweep over the texts of `textFolder`. */
export const sweepHead = (name: string): string => `name: ${name}
corpus: texts/*.txt
vocabSize: 280
contextLength: 32
batchSize: 4
evalTokens: 512
baselines: [transformer]
`;

/** A folder with a small text and the sweep file `tiny.yaml`. @param more lines of that file */
export function tinyFolder(seeds: readonly number[], flops: number, more = ''): string {
  const folder = textFolder(3000);
  tinySweep(folder, 'tiny', seeds, flops, more);
  return folder;
}

/** Writes a sweep file of two architectures of one size. @returns its name */
export function tinySweep(
  folder: string,
  name: string,
  seeds: readonly number[],
  flops: number,
  more = '',
): string {
  writeFileSync(
    join(folder, `${name}.yaml`),
    `${sweepHead(name)}learningRate: { base: 0.01, referenceWidth: 64 }
sizes:
  d8: { dModel: 8, nLayers: 1, nHeads: 2 }
cells:
  - architectures: [transformer, primer-ez]
    budgets:
      - { flops: ${flops}, sizes: [d8], seeds: [${seeds.join(', ')}] }
workers: 2
${more}`,
  );
  return `${name}.yaml`;
}

export interface RunningProgram {
  readonly child: ChildProcess;
  /** What it has written to both of its streams. */
  readonly output: () => string;
  /** The exit code, once all of the output has come too, that of its workers included. */
  readonly exit: Promise<number | null>;
  /** The process itself is gone; workers of a killed one may still be there. */
  readonly gone: Promise<void>;
}

/** Starts the program in the folder, with a cache of the folder's own. */
export function startProgram(
  folder: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly prefix?: readonly string[] } = {},
): RunningProgram {
  const [command, ...rest] = [...(options.prefix ?? []), process.execPath, PROGRAM, ...args];
  const child = spawn(command!, rest, {
    cwd: folder,
    env: { ...process.env, ISOLOSS_CACHE: join(folder, 'cache'), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
  }
  const exit = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return { child, output: () => output, exit, gone };
}

/** Runs the program to its end, which has to be a good one. @returns what it wrote */
export async function isoloss(folder: string, ...args: string[]): Promise<string> {
  const { exit, output } = startProgram(folder, args);
  expect(await exit, output()).toBe(0);
  return output();
}

/** Runs the tiny sweep to its end. */
export async function runToEnd(folder: string, results: string, ...more: string[]): Promise<string> {
  return isoloss(folder, 'run', 'tiny.yaml', '--results', results, ...more);
}

/** Everything of the runs that a disturbance must not change: statuses, losses, and every row but its seconds. */
export function outcomeOf(resultsDir: string, sweep = 'tiny') {
  return listRuns(resultsDir, sweep).map(({ runKey, directory }) => {
    const record = readRunRecord(directory)!;
    expect(readLock(directory)).toBeNull();
    return {
      runKey,
      arch: record.arch,
      status: record.status,
      stepsDone: record.stepsDone,
      final: record.final,
      rows: readMetrics(directory).rows.map((row) => ({ ...row, wallSeconds: 0 })),
    };
  });
}

/** Rows on disk, of all runs. */
export function rowsOnDisk(resultsDir: string, sweep = 'tiny'): number {
  return listRuns(resultsDir, sweep).reduce((sum, { directory }) => {
    const path = join(directory, 'metrics.jsonl');
    return sum + (existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0);
  }, 0);
}
