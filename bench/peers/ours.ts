/** isoloss's side of the comparison: a process that answers the same requests as the peers. Usage: ours.ts CASE (JSON) */
import { createInterface } from 'node:readline';
import { openEngine } from '../../src/engine/engines.js';
import { modelOf } from '../../src/train/bench.js';
import { SMALL_SCALE_ADAMW } from '../../src/train/optimizers.js';
import { compileTraining, stackScalars } from '../../src/train/stepRunner.js';
import { caseTokens, SEED, STORED_STEPS, type PeerCase } from './case.js';

const STEPS_PER_CALL = 8;

const benchCase = JSON.parse(process.argv[2]!) as PeerCase;
const { batchSize, contextLength, threads } = benchCase;
const { optimizer, executable } = await compileTraining(
  await openEngine(benchCase.engine),
  { model: modelOf(benchCase), optimizer: SMALL_SCALE_ADAMW, batchSize, seed: SEED },
  { threads },
);
const [inputs, targets] = [caseTokens(benchCase, 1), caseTokens(benchCase, 2)];
const tokensPerStep = batchSize * contextLength;

let done = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const { steps } = JSON.parse(line) as { steps: number };
  const losses: number[] = [];
  const start = performance.now();
  for (let left = steps; left > 0;) {
    const at = done % STORED_STEPS;
    const count = Math.min(left, STEPS_PER_CALL, STORED_STEPS - at);
    const stored = (tokens: Int32Array): Int32Array =>
      tokens.subarray(at * tokensPerStep, (at + count) * tokensPerStep);
    const metrics = await executable.run(count, {
      inputs: stored(inputs),
      targets: stored(targets),
      ...stackScalars(optimizer, done + 1, count, () => SMALL_SCALE_ADAMW.learningRate),
    });
    losses.push(...metrics['loss']!);
    done += count;
    left -= count;
  }
  const seconds = (performance.now() - start) / 1000;
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  process.stdout.write(`${JSON.stringify({ seconds, losses, peakBytes })}\n`);
}
