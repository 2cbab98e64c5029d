/** `isoloss gc`: frees what ended and killed runs have left behind. */
import type { Command } from 'commander';

interface GcFlags {
  readonly results: string;
  readonly dryRun?: true;
  readonly trunks?: true;
  readonly json?: true;
}

export function addGcCommand(program: Command): void {
  program
    .command('gc')
    .description('remove checkpoints of ended runs, stale locks and half-written files')
    .argument('[sweep]', 'one sweep only')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--dry-run', 'say what would be removed, and remove nothing')
    .option('--trunks', 'remove the states too that longer runs of the same trunk would go on from')
    .option('--json', 'print what was removed as JSON')
    .addHelpText(
      'after',
      `
Records, metrics and checkpoints of runs that may go on stay. The checkpoint of an ended run holds its trained
parameters: without it the run can't be exported or evaluated again.

Examples:
  isoloss gc --dry-run
  isoloss gc quick`,
    )
    .action(async (sweep: string | undefined, flags: GcFlags) => {
      const { collectGarbage } = await import('../store/gc.js');
      const { bytesText } = await import('../sweeps/format.js');
      const dryRun = flags.dryRun === true;
      const result = await collectGarbage(flags.results, sweep, { dryRun, trunks: flags.trunks === true });
      if (flags.json === true) {
        console.log(JSON.stringify({ dryRun, ...result }, null, 2));
        return;
      }
      for (const sentence of result.leftAlone) process.stderr.write(`left alone: ${sentence}\n`);
      const kinds = [...new Set(result.removed.map(({ kind }) => kind))];
      for (const kind of kinds) {
        const own = result.removed.filter((garbage) => garbage.kind === kind);
        const bytes = own.reduce((sum, garbage) => sum + garbage.bytes, 0);
        console.log(`${own.length} x ${kind}: ${bytesText(bytes)} (${bytes} bytes)`);
      }
      console.log(
        `${bytesText(result.bytes)} (${result.bytes} bytes) ${dryRun ? 'would be freed; nothing was removed' : 'freed'}`,
      );
    });
}
