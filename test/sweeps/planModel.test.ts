/** A model of 1.9 billion parameters, planned from its trace: its counts by hand, in little memory. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { findDevice } from '../../src/sweeps/devices.js';
import { modelPlanText, planModel, type ModelPlan } from '../../src/sweeps/planModel.js';
import { describeModel, modelFigures } from '../../src/train/describe.js';
import { SETUP } from '../train/tinyRun.js';
import { IS_BUILT, PROGRAM } from './program.js';

describe('a plan of one model', () => {
  it('has the figures that runs are planned with, and the time of a device', () => {
    const { model, batchSize } = SETUP;
    const { trainGraphSha256, evalGraphSha256, initSha256, ...figures } = describeModel(model, batchSize);
    expect([trainGraphSha256, evalGraphSha256, initSha256].every((hash) => hash.length === 64)).toBe(true);
    expect(modelFigures(model, batchSize)).toEqual(figures);
    const plan = planModel(
      model,
      { batchSize, optimizer: 'adamw', steps: 1000 },
      { device: findDevice('t4') },
    );
    expect(plan.flopsPerToken * batchSize * model.contextLength).toBeCloseTo(figures.flopsPerStep, 0);
    expect(plan.memory.stateBytes).toBe(3 * 4 * figures.paramsTotal);
    // So small a model is bound by launching its operations, of 5 microseconds each.
    expect(plan.secondsPerStep).toBeCloseTo(5e-6 * plan.memory.operations, 12);
    expect(plan.training!.seconds).toBeCloseTo(1000 * plan.secondsPerStep, 9);
    expect(modelPlanText(plan)).toContain(`on ${findDevice('t4').label}`);
  });

  it.skipIf(!IS_BUILT)('of the paper’s largest takes less than 400 MB', { timeout: 300_000 }, () => {
    const flags =
      'plan --json --arch t5-primer --size xl --vocab 32128 --length 512 --batch 128 --tied --optimizer adafactor --init t5 --on h100';
    const script = `process.argv = ${JSON.stringify([process.execPath, ...flags.split(' ')])};
      process.once('exit', () => process.stderr.write(String(process.resourceUsage().maxRSS)));
      await import(${JSON.stringify(PROGRAM)});`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    // KB; its parameters and optimizer state alone are 7.8 GB, what is alive at once in a step 500 GB.
    expect(Number(stderr)).toBeLessThan(400_000);
    const { figures, memory } = JSON.parse(stdout) as ModelPlan;
    const [d, width, dFf, layers] = [2048, 24 * 128, 12288, 24];
    expect(figures.paramsByGroup).toMatchObject({
      embedding: 32128 * d,
      // One projection for queries and keys, a square one from it to queries, values, output.
      attention: layers * (3 * d * width + width * width),
      feedForward: layers * 2 * d * dFf,
      convolution: layers * 2 * 3 * width,
    });
    expect(figures.paramsTotal / 1e9).toBeCloseTo(1.954, 3);
    expect(memory.stateBytes).toBeGreaterThan(4 * figures.paramsTotal);
    // 6ND is most of the FLOPs, and attention and the output matrix the rest.
    const sixNd = 6 * (figures.paramsTotal - 32128 * d) * 128 * 512;
    expect(figures.flopsPerStep / sixNd).toBeGreaterThan(1);
    expect(figures.flopsPerStep / sixNd).toBeLessThan(1.15);
  });
});
