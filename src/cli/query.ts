/** `isoloss query`: questions in SQL. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { tableFormats } from '../store/tableText.js';
import type { TableFormat } from '../store/tableText.js';

interface QueryCommandOptions {
  readonly results: string;
  readonly format: TableFormat;
  readonly json?: true;
  readonly db?: string;
}

export function addQueryCommand(program: Command): void {
  program
    .command('query')
    .description('ask the index of all runs a question in SQL (it can only be read)')
    .argument('[sql]', 'one SELECT, or the name of a view; without it the schema is shown')
    .option('--results <dir>', 'folder of the results', 'results')
    .addOption(
      new Option('--format <format>', 'how the answer is written').choices(tableFormats).default('table'),
    )
    .option('--json', 'same as --format json')
    .option('--db <file>', 'where the index lies, if not in the results folder')
    .addHelpText(
      'after',
      `
Examples:
  isoloss query                                  show views, tables and their columns
  isoloss query best_per_budget                  everything in a view
  isoloss query "SELECT arch, budgetFlops, testLossNats FROM best_per_budget WHERE sweep = 'quick'"
  isoloss query fit_rows --format csv > runs.csv

CSV and JSON hold all digits; tables show numbers that are not whole to 6 significant digits.`,
    )
    .action(async (sql: string | undefined, options: QueryCommandOptions) => {
      const { query, describeSchema } = await import('../store/query.js');
      const { renderTable } = await import('../store/tableText.js');
      const index = options.db === undefined ? {} : { dbPath: options.db };
      if (sql === undefined) {
        process.stdout.write(describeSchema(options.results, index));
        return;
      }
      const { table, notices } = query(options.results, sql, index);
      for (const notice of notices) console.error(notice);
      process.stdout.write(renderTable(table, options.json === true ? 'json' : options.format));
    });
}
