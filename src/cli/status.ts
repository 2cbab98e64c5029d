/** `isoloss status`: where the runs of the sweeps stand. */
import type { Command } from 'commander';

export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .description(
      'how many runs of each sweep are done, running, interrupted, diverged or failed, and why; curves of those that run',
    )
    .argument('[sweep]', 'one sweep only')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--json', 'print every run as JSON')
    .addHelpText('after', '\nExamples:\n  isoloss status\n  isoloss status quick --json')
    .action(async (sweep: string | undefined, flags: { readonly results: string; readonly json?: true }) => {
      const { fullDiskText, statusText, sweepStates } = await import('../sweeps/status.js');
      const states = sweepStates(flags.results, sweep, (damage) => {
        process.stderr.write(`${damage}\n`);
        process.exitCode = 1;
      });
      if (flags.json === true) console.log(JSON.stringify(states, null, 2));
      else {
        const { runningText } = await import('../report/terminal/runningPlot.js');
        const columns = process.stdout.isTTY ? process.stdout.columns : 100;
        const running = runningText(flags.results, states, columns);
        console.log(states.length === 0 ? `No sweep in ${flags.results} yet.` : statusText(states));
        if (running !== '') console.log(`\n${running}`);
      }
      const full = states.length === 0 ? null : fullDiskText(flags.results);
      if (full !== null) process.stderr.write(`${full}\n`);
      const { queueText } = await import('../sweeps/slurmQueue.js');
      for (const { sweep: name } of states) {
        const text = await queueText(flags.results, name);
        if (text !== null) process.stderr.write(`${text}\n`);
      }
    });
}
