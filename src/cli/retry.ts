/** `isoloss retry`: failed runs become planned again. */
import type { Command } from 'commander';

export function addRetryCommand(program: Command): void {
  program
    .command('retry')
    .description(
      'make failed runs planned again; the next `isoloss run` takes them up from their checkpoints',
    )
    .argument(
      '[names...]',
      'a sweep, then run keys of it; or run keys alone; all failed runs where nothing is named',
    )
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--json', 'print what became of each run as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  isoloss retry quick\n  isoloss retry quick 3f0c9a1be2d47586\n  isoloss retry 3f0c',
    )
    .action(async (names: string[], flags: { readonly results: string; readonly json?: true }) => {
      const { retryRuns } = await import('../sweeps/retry.js');
      const runs = await retryRuns(flags.results, names);
      if (runs.some(({ damaged }) => damaged)) process.exitCode = 1;
      if (flags.json === true) {
        console.log(JSON.stringify(runs, null, 2));
        return;
      }
      for (const { runKey, arch, cause, leftAlone } of runs) {
        const what = leftAlone === null ? 'planned again' : `left alone: ${leftAlone}`;
        console.log(`${runKey} ${arch}: ${what} (it had failed: ${cause ?? 'no cause given'})`);
      }
      const count = runs.filter(({ leftAlone }) => leftAlone === null).length;
      console.log(runs.length === 0 ? 'No failed runs to retry.' : `${count} planned again`);
    });
}
