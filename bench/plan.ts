/**
 * How well a plan predicts time: plans a sweep with a cache that knows no speeds, so that this machine is measured
 * quickly, trains it right after, and compares. `npm run bench:plan -- [SWEEP]`; some minutes for `quick`, on a machine
 * that does nothing else.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { durationText } from '../src/sweeps/format.js';

const GOAL = 0.25;
const PROGRAM = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

const sweep = process.argv[2] ?? 'quick';
const folder = mkdtempSync(join(tmpdir(), 'isoloss-bench-'));

/** Runs the program; returns its standard output and the seconds that it took. */
function isoloss(...args: readonly string[]): { readonly output: string; readonly seconds: number } {
  const started = performance.now();
  const { status, stdout } = spawnSync(
    process.execPath,
    [PROGRAM, ...args, '--results', join(folder, 'results'), '--json'],
    {
      env: { ...process.env, ISOLOSS_CACHE: join(folder, 'cache') },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  if (status !== 0) throw new Error(`isoloss ${args.join(' ')} ended with ${status ?? 'a signal'}`);
  return { output: stdout, seconds: (performance.now() - started) / 1000 };
}

const totalsSchema = z.object({
  totals: z.object({ secondsToDo: z.number(), predictedFrom: z.string() }),
});

try {
  // The first time prepares the corpus and measures, the second says what planning itself takes.
  isoloss('run', sweep, '--dry-run');
  const plan = isoloss('run', sweep, '--dry-run');
  const { secondsToDo, predictedFrom } = totalsSchema.parse(JSON.parse(plan.output)).totals;
  const seconds = isoloss('run', sweep).seconds - plan.seconds;
  const error = secondsToDo / seconds - 1;
  console.log(
    `${sweep}: predicted ${durationText(secondsToDo)} (${predictedFrom}), took ${durationText(seconds)}: ` +
      `${(100 * error).toFixed(1)}% off; the goal is ${100 * GOAL}%`,
  );
  process.exitCode = Math.abs(error) <= GOAL ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
