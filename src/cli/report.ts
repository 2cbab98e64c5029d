/** `isoloss report`: renders the report of a sweep. */
import { InvalidArgumentError, type Command } from 'commander';

interface ReportCommandOptions {
  readonly results: string;
  readonly out?: string;
  readonly json?: true;
  readonly db?: string;
  readonly bootstraps?: number;
}

function parseDraws(text: string): number {
  const draws = Number(text);
  if (Number.isInteger(draws) && draws >= 0) return draws;
  throw new InvalidArgumentError('It must be a whole number of draws, 0 for no intervals.');
}

export function addReportCommand(program: Command): void {
  program
    .command('report')
    .description('render the report of a sweep: a web page, Markdown, figures and tables')
    .argument('<sweep>', 'name of a sweep among the results')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--out <dir>', 'folder of the report (default: reports/SWEEP)')
    .option('--bootstraps <n>', 'draws behind the intervals (default: 2000)', parseDraws)
    .option('--json', 'print the paths and all fitted numbers as JSON')
    .option('--db <file>', 'where the index lies, if not in the results folder')
    .addHelpText(
      'after',
      `
Examples:
  isoloss report quick
  isoloss report quick --out /tmp/quick
  isoloss report quick --json

Writes index.html (open it in a browser, no network needed), report.md, figures/*.svg and *.png, data/*.csv.
The path of index.html is the last line printed.`,
    )
    .action(async (sweep: string, options: ReportCommandOptions) => {
      const { reportSweep } = await import('../report/reportSweep.js');
      const { htmlPath, markdownPath, files, analysis } = await reportSweep(sweep, {
        resultsDir: options.results,
        ...(options.out === undefined ? {} : { outDir: options.out }),
        ...(options.db === undefined ? {} : { dbPath: options.db }),
        ...(options.bootstraps === undefined ? {} : { bootstraps: options.bootstraps }),
      });
      if (options.json === true)
        console.log(JSON.stringify({ htmlPath, markdownPath, files, analysis }, null, 2));
      else console.log(htmlPath);
    });
}
