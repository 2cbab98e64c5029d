/** `isoloss time`: seconds a step of every model of a sweep on this machine. */
import type { Command } from 'commander';
import type { EngineName } from '../engine/engineNames.js';
import type { Timings } from '../store/record.js';
import type { SweepPlan } from '../sweeps/plan.js';
import { noCacheOption } from './cacheOption.js';
import { engineOption } from './engineOption.js';

interface TimeFlags {
  readonly results: string;
  readonly workers?: string;
  readonly threads?: string;
  readonly engine?: EngineName;
  readonly json?: true;
}

export function addTimeCommand(program: Command): void {
  program
    .command('time')
    .description('measure seconds a step of every model of a sweep on this machine, for speedups in seconds')
    .argument('<sweep>', 'name of a sweep, or path of a sweep file')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--workers <n>', 'processes at the same time, instead of what the sweep says')
    .option('--threads <n>', 'threads of a worker, instead of what the sweep says')
    .addOption(engineOption())
    .addOption(noCacheOption())
    .option('--json', 'print the timings as JSON')
    .addHelpText(
      'after',
      '\nLeave the machine alone while it runs: rounds in which its raw matrix rate was off by 15% are made again.' +
        '\n\nExample:\n  isoloss time quick',
    )
    .action(async (sweep: string, flags: TimeFlags) => {
      const { planSweep } = await import('../sweeps/plan.js');
      const { planOptions } = await import('./sweepFlags.js');
      const timings = await measure(await planSweep(sweep, planOptions(flags)));
      process.stdout.write(flags.json === true ? `${JSON.stringify(timings, null, 2)}\n` : table(timings));
    });
}

/** Times a planned sweep, with a line for each round. */
export async function measure(plan: SweepPlan): Promise<Timings> {
  const { timeSweep } = await import('../sweeps/timeSweep.js');
  return timeSweep(plan, (kept, wanted) => {
    process.stderr.write(`timing every model: round ${kept + 1} of ${wanted}\n`);
  });
}

function table({ hardware, timings }: Timings): string {
  const lines = timings.map(({ arch, dModel, nLayers, secondsPerStep, madSeconds }) =>
    [
      arch.padEnd(20),
      String(dModel).padStart(6),
      String(nLayers).padStart(6),
      (secondsPerStep * 1000).toFixed(3).padStart(12),
      (madSeconds * 1000).toFixed(3).padStart(10),
    ].join(' '),
  );
  return `${hardware}\narchitecture         dModel layers  ms per step        MAD\n${lines.join('\n')}\n`;
}
