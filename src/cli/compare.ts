/** `isoloss compare`: an architecture of one's own against baselines, from training to verdict. */
import type { Command } from 'commander';
import type { EngineName } from '../engine/engineNames.js';
import type { CompareRequest, Comparison } from '../sweeps/compare.js';
import type { SweepPlan } from '../sweeps/plan.js';
import type { SweepOutcome } from '../sweeps/runSweep.js';
import { UsageError } from '../store/errors.js';
import { noCacheOption } from './cacheOption.js';
import { engineOption } from './engineOption.js';
import { namesOf } from './names.js';

interface CompareFlags {
  readonly sweep: string;
  readonly baselines?: string;
  readonly budgets?: string;
  readonly sizes?: string;
  readonly tune?: boolean;
  readonly check: boolean;
  readonly results: string;
  readonly out?: string;
  readonly workers?: string;
  readonly threads?: string;
  readonly engine?: EngineName;
  readonly dryRun?: true;
  readonly json?: true;
}

export function addCompareCommand(program: Command): void {
  program
    .command('compare')
    .description('train an architecture of your own beside baselines, and say which needs less compute')
    .argument('<file>', 'file of the variant (isoloss new variant NAME writes one)')
    .option('--sweep <name>', 'sweep whose budgets, sizes, seeds, rates and settings are taken', 'quick')
    .option(
      '--baselines <names>',
      'architectures to compare with, separated by commas; the sweep’s own by default',
    )
    .option('--budgets <flops>', 'training FLOPs, separated by commas; the sweep’s own by default')
    .option('--sizes <names>', 'sizes of the sweep, separated by commas; those of each budget by default')
    .option('--tune', 'tune the learning rate as the baselines’ were (the default where they were tuned)')
    .option('--no-tune', 'take the first baseline’s tuned rates instead')
    .option('--no-check', 'train the variant even where `isoloss check` finds it wrong')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--out <dir>', 'folder of the report (default: reports/compare-NAME)')
    .option('--workers <n>', 'runs at the same time')
    .option('--threads <n>', 'threads of a worker')
    .addOption(engineOption())
    .addOption(noCacheOption())
    .option('--dry-run', 'show what would be trained, and stop there')
    .option('--json', 'print the verdicts as JSON; progress goes to standard error')
    .addHelpText(
      'after',
      `
Runs that the results hold already are not trained again, whichever sweep they were trained for; baselines' missing runs
are trained too. A baseline without @POSITIONS is taken with the variant's positions. Ctrl-C stops it; the same command
goes on.

Examples:
  $ isoloss compare mish.ts --baselines transformer,transformer++,primer-ez
  $ isoloss compare mish.ts --sweep quick --budgets 1e11,2.5e11
  $ isoloss compare mish.ts --baselines transformer@rotary`,
    )
    .action(compare);
}

async function compare(file: string, flags: CompareFlags): Promise<void> {
  if (flags.dryRun === true && flags.out !== undefined)
    throw new UsageError('--dry-run writes no report: leave out --out, or --dry-run.');
  const { prepareComparison } = await import('../sweeps/compare.js');
  const { planOptions } = await import('./sweepFlags.js');
  const { resultsDir, ...options } = planOptions(flags);
  const request: CompareRequest = {
    file,
    sweep: flags.sweep,
    baselines: listOf('--baselines', flags.baselines),
    budgets: listOf('--budgets', flags.budgets)?.map(toFlops),
    sizes: listOf('--sizes', flags.sizes),
    tune: flags.tune,
    resultsDir,
  };
  const comparison = await prepareComparison(request);
  if (flags.check) {
    const { requireSound } = await import('../sweeps/compareCheck.js');
    await requireSound(file, comparison.sweep);
    process.stderr.write(`${file} passes isoloss check\n`);
  }
  for (const note of comparison.notes) process.stderr.write(`${note}\n`);
  const { planSweep, loadSweep } = await import('../sweeps/plan.js');
  const planOf = async (path: string): Promise<SweepPlan> => planSweep(path, { resultsDir, ...options });
  if (flags.dryRun === true) {
    const { planJson, planSummary } = await import('../sweeps/planText.js');
    const plan = await planOf(comparison.tuning?.path ?? comparison.path);
    process.stderr.write(`${planSummary(plan)}\n`);
    if (flags.json === true) console.log(JSON.stringify(planJson(plan), null, 2));
    return;
  }
  const { isComplete, runRounds } = await import('../sweeps/stages.js');
  if (comparison.tuning !== null) {
    const loaded = await loadSweep(comparison.tuning.path);
    const stage = await runRounds(loaded, { resultsDir, ...options }, trained);
    if (stage === null || !isComplete(stage.outcome)) return;
    const { addBaselineRates } = await import('../sweeps/compareRates.js');
    const { tunedPath } = await import('../sweeps/tuned.js');
    addBaselineRates(tunedPath(loaded), comparison.tuning.base);
  }
  if (!isComplete(await trained(await planOf(comparison.path)))) return;
  await conclude(comparison, resultsDir, flags);
}

/** Trains what is left of a plan, and sets the exit code by what came of it. */
async function trained(planned: SweepPlan): Promise<SweepOutcome> {
  const { planSummary } = await import('../sweeps/planText.js');
  const { measuredHere } = await import('./sweepFlags.js');
  const plan = await measuredHere(planned, { split: true });
  process.stderr.write(`${planSummary(plan)}\n`);
  const { runSweep } = await import('../sweeps/runSweep.js');
  const { exitCode, outcomeText, stopSignals } = await import('./run.js');
  const stop = stopSignals();
  const outcome = await runSweep(plan, { stream: process.stderr, ...stop.signals }).finally(stop.release);
  process.stderr.write(outcomeText(outcome));
  const code = exitCode(outcome);
  if (code !== 0) process.exitCode = code;
  return outcome;
}

async function conclude(comparison: Comparison, resultsDir: string, flags: CompareFlags): Promise<void> {
  const { reportSweep } = await import('../report/reportSweep.js');
  const { comparisonVerdicts, verdictText } = await import('../report/verdict.js');
  const { htmlPath, analysis } = await reportSweep(comparison.name, {
    resultsDir,
    ...(flags.out === undefined ? {} : { outDir: flags.out }),
  });
  const verdicts = comparisonVerdicts(analysis, comparison.variants, comparison.baselines);
  if (flags.json === true) {
    const { name, variants, baselines, notes } = comparison;
    console.log(
      JSON.stringify({ sweep: name, variants, baselines, notes, verdicts, reportPath: htmlPath }, null, 2),
    );
    return;
  }
  console.log(`${verdictText(verdicts)}\n\n${htmlPath}`);
}

const listOf = (flag: string, text: string | undefined): string[] | undefined =>
  text === undefined ? undefined : namesOf(flag, text);

function toFlops(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) {
    throw new UsageError(`--budgets takes FLOPs such as 1e11, separated by commas, not "${text}"`);
  }
  return value;
}
