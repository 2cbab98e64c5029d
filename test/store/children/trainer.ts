/** Stands in for a training process: appends calls of 8 steps and checkpoints as fast as it can, until it is killed. */
import { loadCheckpoint, saveCheckpoint } from '../../../src/store/checkpoint.js';
import { acquireLock } from '../../../src/store/lock.js';
import { MetricsLog } from '../../../src/store/metricsLog.js';
import { checkpointPath, runDirectory, updateRunRecord } from '../../../src/store/runDirectory.js';
import { trainRow } from '../records.js';

const VALUES = 20_000;
const [resultsDir = '', sweep = '', runKey = ''] = process.argv.slice(2);
const directory = runDirectory(resultsDir, sweep, runKey);
const result = await acquireLock(directory);
if (!result.acquired) throw new Error(`The lock of a killed process was not taken over: ${result.reason}`);

const { checkpoint } = loadCheckpoint(checkpointPath(directory));
let step = checkpoint?.step ?? 0;
const log = new MetricsLog(directory);
log.truncateTo(step);
const state = checkpoint?.tensors['state']?.data ?? new Float32Array(VALUES);
if (!state.every((value) => value === step))
  throw new Error(`The checkpoint of step ${step} holds another state.`);

for (;;) {
  log.append(Array.from({ length: 8 }, (_, index) => trainRow(step + index + 1)));
  step += 8;
  console.log(step);
  if (step % 24 === 0) {
    state.fill(step);
    const tensors = { state: { shape: [VALUES], data: state } };
    saveCheckpoint(checkpointPath(directory), { step, tensors, metadata: { runKey } });
    updateRunRecord(directory, { status: 'running', stepsDone: step });
  }
}
