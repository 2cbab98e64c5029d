/** `isoloss reindex`: the index made again from the run directories. */
import type { Command } from 'commander';

interface ReindexCommandOptions {
  readonly results: string;
  readonly json?: true;
  readonly db?: string;
}

export function addReindexCommand(program: Command): void {
  program
    .command('reindex')
    .description('make the index of all runs again from the run directories')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--db <file>', 'where the index lies, if not in the results folder')
    .option('--json', 'print what it holds as JSON')
    .addHelpText(
      'after',
      `
The index is brought up to date by itself whenever it is used; this command is for one that is in doubt.

Examples:
  isoloss reindex
  isoloss reindex --results shared/results --db isoloss.db`,
    )
    .action(async (options: ReindexCommandOptions) => {
      const { reindex } = await import('../store/database.js');
      const { summariseIndex } = await import('../store/overview.js');
      const isTerminal = process.stderr.isTTY;
      const index = reindex(options.results, {
        ...(options.db === undefined ? {} : { dbPath: options.db }),
        onProgress: ({ done, total }) => {
          if (isTerminal) process.stderr.write(`\r${done} of ${total} read${done === total ? '\n' : ''}`);
        },
      });
      const summary = summariseIndex(index);
      index.close();
      for (const notice of index.notices) console.error(notice);
      if (options.json === true) {
        console.log(JSON.stringify({ path: index.path, ...summary }, null, 2));
        return;
      }
      const { sweeps, runs, trainRows, evalRows, problems } = summary;
      console.log(
        `${index.path}: ${runs} runs of ${sweeps} sweeps, ${trainRows} training rows, ${evalRows} evaluations.`,
      );
      for (const problem of problems) console.log(problem);
    });
}
