/**
 * A trainer that hashes instead of training, with checkpoints: its final loss depends on every step, so a run that is
 * cut off and goes on must end with the same one. Tasks name the mishap they meet in `keyParts.mishap`.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFileAtomic } from '../../src/store/files.js';
import type { RunRecord } from '../../src/store/record.js';
import { writeRunRecord } from '../../src/store/runDirectory.js';
import type { Trainer } from '../../src/sweeps/workerLoop.js';
import { finishedRecord } from './finished.js';

const MS_PER_CALL = 4;

function nextState(state: string, step: number): string {
  return createHash('sha256').update(`${state} ${step}`).digest('hex');
}

function lossOf(state: string): number {
  return 3 + parseInt(state.slice(0, 8), 16) / 2 ** 32;
}

/** The loss that a run must end with. */
export function expectedLoss(record: RunRecord): number {
  let state = `seed ${record.setup.seed}`;
  for (let step = 1; step <= record.setup.steps; step++) state = nextState(state, step);
  return lossOf(state);
}

/** What the first attempt at a run meets after half of its steps; a second one finds that it has been. `exit-always` is met before the first step. */
function mishap(kind: unknown, directory: string): void {
  const mark = join(directory, 'mishap-met');
  const always = kind === 'exit-always';
  if (kind === undefined || (!always && existsSync(mark))) return;
  writeFileAtomic(mark, '');
  if (kind === 'kill') process.kill(process.pid, 'SIGKILL');
  if (kind === 'abort') process.abort();
  if (kind === 'throw') throw new Error('the loss function is missing');
  if (kind === 'full-disk') {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  }
  process.stderr.write('some warning\nthe library gave up\n');
  process.exit(3);
}

export const fakeTrainer: Trainer = async ({ task, record, directory, shouldStop, onProgress }) => {
  const checkpoint = join(directory, 'checkpoint.json');
  const { steps, seed } = record.setup;
  let { step, state } = existsSync(checkpoint)
    ? (JSON.parse(readFileSync(checkpoint, 'utf8')) as { step: number; state: string })
    : { step: 0, state: `seed ${seed}` };
  writeRunRecord(directory, { ...record, status: 'running', stepsDone: step });
  if (record.keyParts['mishap'] === 'exit-always') mishap('exit-always', directory);
  while (step < steps) {
    if (shouldStop()) {
      const interrupted: RunRecord = { ...record, status: 'interrupted', stepsDone: step };
      writeRunRecord(directory, interrupted);
      return interrupted;
    }
    await sleep(MS_PER_CALL);
    for (let k = 0; k < task.stepsPerCall && step < steps; k++) state = nextState(state, ++step);
    writeFileAtomic(checkpoint, JSON.stringify({ step, state }));
    onProgress({ stepsDone: step, steps, lossNats: lossOf(state), tokensPerSecond: 1000 });
    if (step >= steps / 2) mishap(record.keyParts['mishap'], directory);
  }
  appendFileSync(
    join(task.resultsDir, 'finished.log'),
    `${task.runKey} ${process.pid} ${process.env['CUDA_VISIBLE_DEVICES'] ?? ''}\n`,
  );
  const final = finishedRecord(record, lossOf(state));
  writeRunRecord(directory, final);
  return final;
};
