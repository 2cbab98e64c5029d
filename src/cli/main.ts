#!/usr/bin/env node
/** The program `isoloss`: registers the commands, and turns what they throw into a message and an exit code. */
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../store/version.js';
import { addBenchCommand } from './bench.js';
import { heedNoCache } from './cacheOption.js';
import { addCheckCommand } from './check.js';
import { addCompareCommand } from './compare.js';
import { addExportCommand } from './export.js';
import { addDataCommand } from './data.js';
import { addDoctorCommand } from './doctor.js';
import { addFitCommand } from './fit.js';
import { addGcCommand } from './gc.js';
import { addImportCommand } from './import.js';
import { addNewCommand } from './new.js';
import { addPackCommand } from './pack.js';
import { addPlanCommand } from './plan.js';
import { addQueryCommand } from './query.js';
import { addReindexCommand } from './reindex.js';
import { addRetryCommand } from './retry.js';
import { addRunCommand } from './run.js';
import { addRunsCommand } from './runs.js';
import { addSimulateCommand } from './simulate.js';
import { addStatusCommand } from './status.js';
import { addReportCommand } from './report.js';
import { addServeCommand } from './serve.js';
import { addTimeCommand } from './time.js';

/** Errors that the user can mend, by name: their classes lie in parts that the program does not load to begin with. */
const USER_ERRORS = ['UsageError', 'CorpusError', 'CorpusMissing', 'FitError', 'ModelError', 'EngineError'];

// A reader that has seen enough (`isoloss runs | head`) closes the pipe; that is no error. A full disk is one.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`Can't write to standard output: ${error.message}\n`);
  process.exit(1);
});

const program = new Command('isoloss')
  .description(
    'Scaling-law experiments for language-model architectures: how much training compute does B save over A at the same loss, when both have their best size?',
  )
  .version(packageVersion())
  .exitOverride()
  .showHelpAfterError('(isoloss --help, or isoloss COMMAND --help, says more)')
  .addHelpText(
    'after',
    `
Examples:
  isoloss run quick --report          train the predefined sweep "quick" and render its report
  isoloss plan ./my-sweep.yaml        what a sweep of your own would cost
  isoloss status                      where the runs of all sweeps stand
  isoloss runs quick                  its runs, with their losses
  isoloss query "select * from best_per_budget"

Exit codes: 0 done, 1 something failed, 2 wrong usage or input, 130 stopped by Ctrl-C.`,
  );

addRunCommand(program);
addPlanCommand(program);
addStatusCommand(program);
addDataCommand(program);
addRetryCommand(program);
addGcCommand(program);
addRunsCommand(program);
addQueryCommand(program);
addPackCommand(program);
addExportCommand(program);
addImportCommand(program);
addReindexCommand(program);
addReportCommand(program);
addServeCommand(program);
addFitCommand(program);
addSimulateCommand(program);
addTimeCommand(program);
addBenchCommand(program);
addDoctorCommand(program);
addNewCommand(program);
addCheckCommand(program);
addCompareCommand(program);
program.hook('preAction', (_, command) => heedNoCache(command));
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Says what went wrong. @returns the exit code */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message}\n`);
  if (process.env['ISOLOSS_DEBUG'] && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  return error instanceof Error && USER_ERRORS.includes(error.name) ? 2 : 1;
}
