/** `isoloss runs`: the list of runs. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { tableFormats } from '../store/tableText.js';
import type { TableFormat } from '../store/tableText.js';
import { chosenFormat } from './formatFlag.js';

interface RunsCommandOptions {
  readonly results: string;
  readonly format?: TableFormat;
  readonly arch?: string;
  readonly status?: string;
  readonly json?: true;
  readonly db?: string;
}

export function addRunsCommand(program: Command): void {
  program
    .command('runs')
    .description('list the runs, those that are planned or under way included')
    .argument('[sweep]', 'the runs of one sweep only')
    .option('--arch <label>', 'the runs of one architecture only')
    .option('--status <status>', 'only planned, running, interrupted, done, diverged or failed ones')
    .option('--results <dir>', 'folder of the results', 'results')
    .addOption(
      new Option('--format <format>', 'how the list is written (default: table)').choices(tableFormats),
    )
    .option('--json', 'same as --format json')
    .option('--db <file>', 'where the index lies, if not in the results folder')
    .addHelpText(
      'after',
      `
Examples:
  isoloss runs
  isoloss runs quick --status failed
  isoloss runs quick --arch primer-ez --json

CSV and JSON hold every column of the view runs_overview, and all digits.`,
    )
    .action(async (sweep: string | undefined, options: RunsCommandOptions) => {
      const { listRunsOverview } = await import('../store/overview.js');
      const { renderTable } = await import('../store/tableText.js');
      const format = chosenFormat(options) ?? 'table';
      const { table, notices } = listRunsOverview(
        options.results,
        {
          ...(sweep === undefined ? {} : { sweep }),
          ...(options.arch === undefined ? {} : { arch: options.arch }),
          ...(options.status === undefined ? {} : { status: options.status }),
        },
        format === 'csv' || format === 'json' ? 'all' : 'brief',
        options.db === undefined ? {} : { dbPath: options.db },
      );
      for (const notice of notices) console.error(notice);
      process.stdout.write(renderTable(table, format));
    });
}
