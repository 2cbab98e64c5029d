/** `isoloss simulate`: what a study of a given design can tell, and whether its intervals keep their word. */
import type { Command } from 'commander';
import type { SimulatedDesign } from '../fit/simulate.js';
import { UsageError } from '../store/errors.js';

interface SimulateFlags {
  readonly studies: string;
  readonly bootstraps: string;
  readonly seed: string;
  readonly factor: string;
  readonly seedDeviation?: string;
  readonly pairedDeviation?: string;
  readonly results: string;
  readonly json?: true;
}

export function addSimulateCommand(program: Command): void {
  program
    .command('simulate')
    .description(
      'simulate studies with a known speedup: how often intervals hold it, how often a study tells',
    )
    .argument(
      '<design>',
      'quick-design, reference-design, or a sweep (name or file), which need not have been trained',
    )
    .option('--factor <x>', 'speedup of every architecture over the baselines, for a sweep', '1.3')
    .option('--seed-deviation <nats>', 'standard deviation of the loss over seeds')
    .option('--paired-deviation <nats>', 'standard deviation of differences at equal seed')
    .option('--studies <n>', 'studies to simulate', '200')
    .option('--bootstraps <n>', 'bootstrap draws in each study', '400')
    .option('--seed <n>', 'seed of the simulation', '0')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  isoloss simulate quick --factor 1.2       would this sweep tell a speedup of 1.2 from none?
  isoloss simulate ./my-sweep.yaml --seed-deviation 0.004 --json
  isoloss simulate reference-design --studies 500 --bootstraps 1000`,
    )
    .action(async (name: string, flags: SimulateFlags) => {
      const { coverageOf } = await import('../fit/coverage.js');
      const { simulationText } = await import('../report/terminal/coverage.js');
      const { wholeNumber } = await import('./flags.js');
      const { LIMITS } = await import('../sweeps/limits.js');
      const design = await findDesign(name, flags);
      const progress = process.stderr.isTTY
        ? (done: number, total: number): void => {
            process.stderr.write(`\rstudy ${done}/${total}${done === total ? '\n' : ''}`);
          }
        : undefined;
      const report = await coverageOf(design, {
        studies: wholeNumber('--studies', flags.studies, 1, LIMITS.draws),
        bootstraps: wholeNumber('--bootstraps', flags.bootstraps, 1, LIMITS.draws),
        seed: wholeNumber('--seed', flags.seed, 0),
        ...(progress === undefined ? {} : { onProgress: progress }),
      });
      process.stdout.write(
        `${flags.json === true ? JSON.stringify(report, null, 2) : simulationText(report, design.runs)}\n`,
      );
    });
}

async function findDesign(name: string, flags: SimulateFlags): Promise<SimulatedDesign> {
  const { DESIGNS, PILOT_NOISE, designOfPlan } = await import('../fit/designs.js');
  const noise = {
    ...PILOT_NOISE,
    ...(flags.seedDeviation === undefined
      ? {}
      : { seedDeviation: atLeastZero('--seed-deviation', flags.seedDeviation) }),
    ...(flags.pairedDeviation === undefined
      ? {}
      : { pairedDeviation: atLeastZero('--paired-deviation', flags.pairedDeviation) }),
  };
  const known = DESIGNS[name];
  if (known !== undefined) return { ...known, noise };
  const { planSweep } = await import('../sweeps/plan.js');
  const { planOptions } = await import('./sweepFlags.js');
  const { loaded, runs } = await planSweep(name, planOptions({ results: flags.results }));
  const planned = runs.map(({ architecture, setup, budgetFlops, flops, tokens }) => ({
    arch: architecture.label,
    positions: architecture.positions,
    dModel: setup.model.dModel,
    nLayers: setup.model.nLayers,
    flopsPerToken: flops / tokens,
    budgetFlops,
    seed: setup.seed,
    trunk: null,
  }));
  return designOfPlan(name, planned, loaded.sweep.baselines, toNumber('--factor', flags.factor), noise);
}

function toNumber(flag: string, text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!Number.isFinite(value)) throw new UsageError(`${flag} needs a number, not "${text}".`);
  return value;
}

/** A deviation below 0 would be taken for its size by the draws, and mean nothing. */
function atLeastZero(flag: string, text: string): number {
  const value = toNumber(flag, text);
  if (value < 0) throw new UsageError(`${flag} needs a number of at least 0, not "${text}".`);
  return value;
}
