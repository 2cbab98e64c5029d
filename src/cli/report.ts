/** `isoloss report`: renders the report of a sweep. */
import { InvalidArgumentError, type Command } from 'commander';
import { LIMITS } from '../sweeps/limits.js';
import { namesOf } from './names.js';

interface ReportCommandOptions {
  readonly results: string;
  readonly out?: string;
  readonly json?: true;
  readonly terminal?: true;
  readonly db?: string;
  readonly bootstraps?: number;
  readonly paper?: true;
  readonly baseline?: readonly string[];
  readonly variants?: readonly string[];
}

function parseDraws(text: string): number {
  const draws = Number(text);
  if (text.trim() !== '' && Number.isInteger(draws) && draws >= 0 && draws <= LIMITS.draws) return draws;
  throw new InvalidArgumentError(
    `It must be a whole number of draws, ${LIMITS.draws} at most, 0 for no intervals.`,
  );
}

/** Characters in a line, also where the output is no terminal and has no width of its own. */
function terminalColumns(): number {
  return process.stdout.isTTY ? process.stdout.columns : 100;
}

export function addReportCommand(program: Command): void {
  program
    .command('report')
    .description(
      'render the report of a sweep, or of several side by side: a web page, Markdown, figures and tables',
    )
    .argument('<sweeps...>', 'name of a sweep among the results, or of several to compare')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--out <dir>', 'folder of the report (default: reports/SWEEP)')
    .option('--baseline <names>', "compare with these, parted by commas, not with the sweep's own", (text) =>
      namesOf('--baseline', text),
    )
    .option('--variants <names>', 'show these alone beside the baselines', (text) =>
      namesOf('--variants', text),
    )
    .option('--paper', 'also write every figure as PDF and every table as LaTeX')
    .option('--bootstraps <n>', 'draws behind the intervals (default: 2000)', parseDraws)
    .option('--terminal', 'print the answer, the speedups and small plots, and write nothing')
    .option('--json', 'print the paths and all fitted numbers as JSON')
    .option('--db <file>', 'where the index lies, if not in the results folder')
    .addHelpText(
      'after',
      `
Examples:
  isoloss report quick
  isoloss report quick --terminal
  isoloss report quick --baseline transformer++ --variants primer-ez,primer
  isoloss report quick --paper --out paper/quick
  isoloss report quick my-sweep             the same comparisons in two sweeps, side by side
  isoloss report quick --json

Writes index.html (open it in a browser, no network needed), report.md, figures/*.svg and *.png, data/*.csv, and with
--paper figures/*.pdf and latex/*.tex. The path of index.html is the last line printed.`,
    )
    .action(async (sweeps: readonly string[], flags: ReportCommandOptions) => {
      if (
        flags.terminal === true &&
        (flags.json === true || flags.paper === true || flags.out !== undefined)
      ) {
        const { UsageError } = await import('../store/errors.js');
        throw new UsageError(
          '--terminal prints the answer and writes nothing: leave out --json, --paper and --out.',
        );
      }
      const { reportSweep, reportSweeps, loadInput } = await import('../report/reportSweep.js');
      const options = {
        resultsDir: flags.results,
        selection: { baselines: flags.baseline ?? [], variants: flags.variants ?? [] },
        paper: flags.paper === true,
        ...(flags.out === undefined ? {} : { outDir: flags.out }),
        ...(flags.db === undefined ? {} : { dbPath: flags.db }),
        ...(flags.bootstraps === undefined ? {} : { bootstraps: flags.bootstraps }),
      };
      if (flags.terminal === true) {
        const { renderTerminal } = await import('../report/terminal/terminal.js');
        const reports = sweeps.map((name) => renderTerminal(loadInput(name, options), terminalColumns()));
        process.stdout.write(reports.join('\n'));
        return;
      }
      const [first, ...others] = sweeps;
      const report =
        others.length === 0 ? await reportSweep(first!, options) : await reportSweeps(sweeps, options);
      if (flags.json === true) console.log(JSON.stringify({ ...report, document: undefined }, null, 2));
      else console.log(report.htmlPath);
    });
}
