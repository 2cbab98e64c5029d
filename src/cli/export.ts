/** `isoloss export`: results for other programs. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { addExportModelCommand } from './exportModel.js';

interface ExportRunsOptions {
  readonly results: string;
  readonly format: 'csv' | 'parquet';
  readonly out?: string;
  readonly db?: string;
}

export function addExportCommand(program: Command): void {
  const command = program.command('export').description('write results and models for other programs');
  addExportModelCommand(command);
  command
    .command('runs')
    .description('one row a run: what fits read, and what the run was trained with')
    .argument('[sweep]', 'the runs of one sweep only')
    .addOption(
      new Option('--format <format>', 'how the file is written').choices(['csv', 'parquet']).default('csv'),
    )
    .option('--out <file>', 'the file, instead of standard output')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--db <file>', 'where the index lies, if not in the results folder')
    .addHelpText(
      'after',
      `
Examples:
  isoloss export runs quick --out runs.csv
  isoloss export runs --format parquet --out runs.parquet
  duckdb -c "SELECT arch, budgetFlops, dModel, avg(lossNats) FROM 'runs.parquet' WHERE status = 'done' GROUP BY ALL"`,
    )
    .action(async (sweep: string | undefined, options: ExportRunsOptions) => {
      const { exportRuns } = await import('../exchange/exportRuns.js');
      const { writeTable } = await import('../exchange/tableFile.js');
      const { table, notices } = exportRuns(
        options.results,
        sweep,
        options.db === undefined ? {} : { dbPath: options.db },
      );
      for (const notice of notices) console.error(notice);
      writeTable(table, options.format, options.out);
      if (options.out !== undefined) console.log(`${options.out}: ${table.rows.length} runs`);
    });
}
