/** `isoloss report`: renders the report of a sweep. */
import { InvalidArgumentError, type Command } from 'commander';

interface ReportCommandOptions {
  readonly results: string;
  readonly out?: string;
  readonly json?: true;
  readonly terminal?: true;
  readonly db?: string;
  readonly bootstraps?: number;
}

function parseDraws(text: string): number {
  const draws = Number(text);
  if (Number.isInteger(draws) && draws >= 0) return draws;
  throw new InvalidArgumentError('It must be a whole number of draws, 0 for no intervals.');
}

/** Characters in a line, also where the output is no terminal and has no width of its own. */
function terminalColumns(): number {
  return process.stdout.isTTY ? process.stdout.columns : 100;
}

export function addReportCommand(program: Command): void {
  program
    .command('report')
    .description('render the report of a sweep: a web page, Markdown, figures and tables')
    .argument('<sweep>', 'name of a sweep among the results')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--out <dir>', 'folder of the report (default: reports/SWEEP)')
    .option('--bootstraps <n>', 'draws behind the intervals (default: 2000)', parseDraws)
    .option('--terminal', 'print the answer, the speedups and small plots, and write nothing')
    .option('--json', 'print the paths and all fitted numbers as JSON')
    .option('--db <file>', 'where the index lies, if not in the results folder')
    .addHelpText(
      'after',
      `
Examples:
  isoloss report quick
  isoloss report quick --out /tmp/quick
  isoloss report quick --terminal
  isoloss report quick --json

Writes index.html (open it in a browser, no network needed), report.md, figures/*.svg and *.png, data/*.csv.
The path of index.html is the last line printed.`,
    )
    .action(async (sweep: string, options: ReportCommandOptions) => {
      const { reportSweep, analysisOf } = await import('../report/reportSweep.js');
      const bootstraps = options.bootstraps === undefined ? {} : { bootstraps: options.bootstraps };
      const index = options.db === undefined ? {} : { dbPath: options.db };
      if (options.terminal === true) {
        const { loadStudy } = await import('../store/study.js');
        const { renderTerminal } = await import('../report/terminal/terminal.js');
        const study = loadStudy(options.results, sweep, index);
        const analysis = analysisOf(study, bootstraps);
        process.stdout.write(renderTerminal({ study, analysis }, terminalColumns()));
        return;
      }
      const { htmlPath, markdownPath, files, analysis } = await reportSweep(sweep, {
        resultsDir: options.results,
        ...(options.out === undefined ? {} : { outDir: options.out }),
        ...index,
        ...bootstraps,
      });
      if (options.json === true)
        console.log(JSON.stringify({ htmlPath, markdownPath, files, analysis }, null, 2));
      else console.log(htmlPath);
    });
}
