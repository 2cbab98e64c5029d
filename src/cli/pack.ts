/** `isoloss pack`: the part of a sweep's results that is worth committing to a repository. */
import type { Command } from 'commander';

interface PackFlags {
  readonly results: string;
  readonly to: string;
  readonly json?: true;
}

export function addPackCommand(program: Command): void {
  program
    .command('pack')
    .description(
      'write what is worth committing of a sweep: run.json and at most 200 metric rows of each run',
    )
    .argument('<sweep>', 'name of the sweep')
    .requiredOption('--to <dir>', 'results folder to write to, of the same layout')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--json', 'print what was written as JSON')
    .addHelpText('after', '\nExample:\n  isoloss pack quick --to packed')
    .action(async (sweep: string, flags: PackFlags) => {
      const { packSweep } = await import('../store/pack.js');
      const { directory, packed, skipped } = packSweep(flags.results, sweep, flags.to);
      if (flags.json === true) {
        console.log(JSON.stringify({ directory, packed, skipped }, null, 2));
        return;
      }
      for (const { runKey, reason } of skipped) process.stderr.write(`left out ${runKey}: ${reason}\n`);
      console.log(`${packed} runs in ${directory}`);
    });
}
