/** `isoloss query`: questions in SQL. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { fileFormats, type FileFormat } from '../exchange/formats.js';
import { chosenFormat } from './formatFlag.js';

interface QueryCommandOptions {
  readonly results: string;
  readonly format?: FileFormat;
  readonly sweep?: string;
  readonly out?: string;
  readonly json?: true;
  readonly db?: string;
}

export function addQueryCommand(program: Command): void {
  program
    .command('query')
    .description('ask the index of all runs a question in SQL (it can only be read)')
    .argument('[question]', 'one SELECT, or the name of a named query, view or table')
    .option('--sweep <name>', 'the value of $sweep, which all named queries know')
    .option('--results <dir>', 'folder of the results', 'results')
    .addOption(new Option('--format <format>', 'how the answer is written').choices(fileFormats))
    .option('--out <file>', 'write the answer to a file')
    .option('--json', 'same as --format json')
    .option('--db <file>', 'where the index lies, if not in the results folder')
    .addHelpText(
      'after',
      `
Without a question a terminal gets a prompt (Tab completes, .help says more), anything else the list of named queries,
views and tables with their columns (as JSON with --json).

Examples:
  isoloss query
  isoloss query best-per-budget --sweep quick    a named query
  isoloss query best_per_budget                  everything in a view
  isoloss query "SELECT arch, budgetFlops, testLossNats FROM best_per_budget WHERE sweep = 'quick'"
  isoloss query fit_rows --format parquet --out runs.parquet

CSV, JSON and Parquet hold all digits; tables show numbers that are not whole to 6 significant digits.`,
    )
    .action(async (question: string | undefined, options: QueryCommandOptions) => {
      const index = options.db === undefined ? {} : { dbPath: options.db };
      const parameters = { sweep: options.sweep ?? null };
      const format = chosenFormat(options);
      const { query, asksOfSweep, describeSchema, readSchema } = await import('../store/query.js');
      if (options.sweep !== undefined) {
        const { requireSweep } = await import('../store/overview.js');
        requireSweep(options.results, options.sweep, index);
        if (question !== undefined && !asksOfSweep(options.results, question, index)) {
          const { UsageError } = await import('../store/errors.js');
          throw new UsageError(
            '--sweep is the value of $sweep, which this question does not use: write "sweep = $sweep" into it, or leave --sweep out.',
          );
        }
      }
      if (question !== undefined) {
        const { writeTable } = await import('../exchange/tableFile.js');
        const { table, notices } = query(options.results, question, index, parameters);
        for (const notice of notices) console.error(notice);
        writeTable(table, format ?? 'table', options.out);
        return;
      }
      const { UsageError } = await import('../store/errors.js');
      if (options.out !== undefined)
        throw new UsageError('--out writes the answer to a question: ask one, or leave it out.');
      if (process.stdin.isTTY && process.stdout.isTTY) {
        const { runPrompt } = await import('./queryPrompt.js');
        await runPrompt({ resultsDir: options.results, index, parameters, format: format ?? 'table' });
      } else if (format === 'json') {
        const { namedQueries } = await import('../store/namedQueries.js');
        const relations = readSchema(options.results, index);
        console.log(JSON.stringify({ queries: namedQueries, relations }, null, 2));
      } else if (format === undefined || format === 'table') {
        process.stdout.write(describeSchema(options.results, index));
      } else {
        throw new UsageError(
          `The list of queries, views and tables is text, or JSON with --json, not ${format}.`,
        );
      }
    });
}
