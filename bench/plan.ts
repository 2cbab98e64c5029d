/**
 * How well a plan predicts time: plans a sweep on an empty cache of speeds, so that this machine is measured quickly,
 * trains it right after, and compares. `npm run bench:plan [SWEEP]`; some minutes on a machine that does nothing else.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calibrated } from '../src/sweeps/calibrate.js';
import { durationText } from '../src/sweeps/format.js';
import { planSweep, planTotals } from '../src/sweeps/plan.js';
import { runSweep } from '../src/sweeps/runSweep.js';

const GOAL = 0.25;

const name = process.argv[2] ?? 'quick';
const folder = mkdtempSync(join(tmpdir(), 'isoloss-bench-'));
try {
  // A fresh cache knows no speeds.
  process.env['ISOLOSS_CACHE'] = join(folder, 'cache');
  const planned = await planSweep(name, { resultsDir: join(folder, 'results') });
  const started = performance.now();
  const plan = await calibrated(planned, (models) => console.error(`measuring ${models} models`));
  const measureSeconds = (performance.now() - started) / 1000;
  const { secondsToDo, basis } = planTotals(plan);
  const never = new AbortController().signal;
  const trainingSince = performance.now();
  await runSweep(plan, { stream: process.stderr, stopAfterCall: never, stopNow: never });
  const seconds = (performance.now() - trainingSince) / 1000;
  const error = secondsToDo / seconds - 1;
  console.log(
    `${name}: predicted ${durationText(secondsToDo)} (${basis}, ${measureSeconds.toFixed(1)} s), took ${durationText(seconds)}: ` +
      `${(100 * error).toFixed(1)}% off; the goal is ${100 * GOAL}%`,
  );
  process.exitCode = Math.abs(error) <= GOAL ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
