/** `isoloss run`: trains a sweep, and renders its report if asked to. */
import { type Command, Option } from 'commander';
import type { EngineName } from '../engine/engineNames.js';
import { flopsText } from '../sweeps/format.js';
import type { SweepPlan, SweepPreview } from '../sweeps/plan.js';
import type { RunSweepOptions, SweepOutcome } from '../sweeps/runSweep.js';
import { noCacheOption } from './cacheOption.js';
import { engineOption } from './engineOption.js';

interface RunFlags {
  readonly results: string;
  readonly workers?: string;
  readonly threads?: string;
  readonly engine?: EngineName;
  readonly executor: 'local' | 'slurm';
  readonly slurm: readonly string[];
  readonly report?: true;
  readonly time?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

export function addRunCommand(program: Command): void {
  program
    .command('run')
    .description('train the runs of a sweep that have not ended yet')
    .argument(
      '<sweep>',
      'name of a sweep (in ./sweeps, or one that comes with isoloss), or path of a sweep file',
    )
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--workers <n>', 'runs at the same time, instead of what the sweep says')
    .option('--threads <n>', 'threads of a worker, instead of what the sweep says')
    .addOption(engineOption())
    .addOption(noCacheOption())
    .addOption(
      new Option('--executor <where>', 'train in processes of this machine, or as jobs of a Slurm cluster')
        .choices(['local', 'slurm'])
        .default('local'),
    )
    .option(
      '--slurm <key=value>',
      "how jobs are submitted, over the sweep file's slurm: (repeatable)",
      (value: string, before: readonly string[]) => [...before, value],
      [],
    )
    .option('--report', 'render the report afterwards')
    .option('--time', 'time every model afterwards, unless this machine has done so already (isoloss time)')
    .option('--dry-run', 'show what would be trained, and stop there')
    .option('--json', 'print the outcome as JSON; progress goes to standard error')
    .addHelpText(
      'after',
      `
Ctrl-C once stops after the training calls under way, with checkpoints written; twice stops at once. The same command
goes on where the sweep was stopped, however it was. With --executor slurm the same holds for the jobs on the cluster;
a runner that was killed leaves them in the queue, and the next one takes them over.

Examples:
  isoloss run quick --report
  isoloss run ./my-sweep.yaml --workers 4
  isoloss run ./my-sweep.yaml --engine onnx:webgpu
  isoloss run ./my-sweep.yaml --executor slurm --slurm partition=cpu --slurm time=02:00:00 --slurm tasksAtOnce=20
  isoloss run quick --dry-run`,
    )
    .action(run);
}

async function run(sweep: string, flags: RunFlags): Promise<void> {
  if (flags.slurm.length > 0 && flags.executor !== 'slurm') {
    const { UsageError } = await import('../store/errors.js');
    throw new UsageError('--slurm says how jobs are submitted; say --executor slurm too.');
  }
  if (flags.dryRun === true && (flags.report === true || flags.time === true)) {
    const { UsageError } = await import('../store/errors.js');
    throw new UsageError('--dry-run trains nothing: leave out --report and --time, or --dry-run.');
  }
  const { planJson, planSummary } = await import('../sweeps/planText.js');
  const { measuredHere, planOptions } = await import('./sweepFlags.js');
  const { planStages, runStages } = await import('../sweeps/stages.js');
  const options = planOptions(flags);
  const { resultsDir } = options;
  if (flags.dryRun === true) {
    const plans: SweepPreview[] = [];
    for (const plan of await planStages(sweep, options)) {
      plans.push(await measuredHere(plan, { split: false }));
    }
    for (const plan of plans) process.stderr.write(`${planSummary(plan)}\n`);
    if (flags.json === true) console.log(JSON.stringify(planJson(plans.at(-1)!), null, 2));
    return;
  }
  const { runSweep } = await import('../sweeps/runSweep.js');
  const stop = stopSignals();
  const runPlan = async (planned: SweepPlan): Promise<SweepOutcome> => {
    const plan = flags.executor === 'local' ? await measuredHere(planned, { split: true }) : planned;
    process.stderr.write(`${planSummary(plan)}\n`);
    const executor = flags.executor === 'slurm' ? await onSlurm(plan, flags.slurm) : {};
    const outcome = await runSweep(plan, { stream: process.stderr, ...stop.signals, ...executor });
    process.stderr.write(outcomeText(outcome));
    return outcome;
  };
  const { plan, outcome } = await runStages(sweep, options, runPlan).finally(stop.release);
  process.exitCode = exitCode(outcome);
  const { name } = plan.loaded.sweep;
  const complete = outcome.left.length === 0 && outcome.halted === null;
  if (flags.time === true && complete) await timeOnce(plan);
  const reportPath = flags.report === true && complete ? await report(name, resultsDir) : null;
  if (flags.json === true) console.log(JSON.stringify(outcomeJson(name, outcome, reportPath), null, 2));
  else if (reportPath !== null) console.log(reportPath);
}

/** The Slurm executor; the sweep has to lie on a file system that the cluster's nodes share. */
async function onSlurm(
  plan: SweepPlan,
  flags: readonly string[],
): Promise<Pick<RunSweepOptions, 'executor'>> {
  const { slurmExecutor } = await import('../sweeps/executors/slurm.js');
  const { slurmSettings } = await import('../sweeps/slurmSettings.js');
  const settings = slurmSettings(plan.loaded.sweep.slurm, flags);
  const { threads } = plan.setting;
  const onNotice = (message: string): void => {
    process.stderr.write(`${message}\n`);
  };
  return { executor: (context) => slurmExecutor({ settings, threads, onNotice, ...context }) };
}

/** Timings are a property of models and machine, so those that exist are kept. */
async function timeOnce(plan: SweepPlan): Promise<void> {
  const { existingTimings } = await import('../sweeps/timeSweep.js');
  if ((await existingTimings(plan)) !== null) return;
  const { measure } = await import('./time.js');
  try {
    await measure(plan);
  } catch (error) {
    // Training is done and stays done: a machine too busy to be timed costs the speedups in seconds only.
    process.stderr.write(`not timed: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

async function report(name: string, resultsDir: string): Promise<string> {
  const { reportSweep } = await import('../report/reportSweep.js');
  const { htmlPath } = await reportSweep(name, { resultsDir });
  return htmlPath;
}

/** Ctrl-C once stops after the calls under way, twice at once; a request to end from elsewhere counts as one. */
export function stopSignals(): {
  signals: { stopAfterCall: AbortSignal; stopNow: AbortSignal };
  release: () => void;
} {
  const afterCall = new AbortController();
  const now = new AbortController();
  const onSignal = (): void => (afterCall.signal.aborted ? now : afterCall).abort();
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  return {
    signals: { stopAfterCall: afterCall.signal, stopNow: now.signal },
    release: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

export function outcomeText({
  ended,
  flopsSpared,
  failed,
  left,
  halted,
  tunedPath,
  flags,
}: SweepOutcome): string {
  const diverged = ended.filter(({ status }) => status === 'diverged').length;
  const lines = [`${ended.length} runs are done${diverged > 0 ? `, ${diverged} of them diverged` : ''}`];
  if (flopsSpared > 0) lines.push(`${flopsText(flopsSpared, 3)} of their FLOPs were spared by shared trunks`);
  for (const { task, cause } of failed) lines.push(`failed: ${task.label}: ${cause}`);
  if (halted !== null) lines.push(`The sweep can't go on: ${halted}`);
  if (left.length > 0) lines.push(`${left.length} runs are left; the same command goes on with them.`);
  if (tunedPath !== null) lines.push(`learning rates: ${tunedPath}`, ...flags.map((flag) => `note: ${flag}`));
  return `${lines.join('\n')}\n`;
}

function outcomeJson(
  sweep: string,
  outcome: SweepOutcome,
  reportPath: string | null,
): Record<string, unknown> {
  const { ended, flopsSpared, failed, left, halted, tunedPath, flags } = outcome;
  return {
    sweep,
    done: ended.filter(({ status }) => status === 'done').length,
    flopsSpared,
    diverged: ended.filter(({ status }) => status === 'diverged').length,
    failed: failed.map(({ task, cause }) => ({ runKey: task.runKey, run: task.label, cause })),
    left: left.map(({ runKey, label }) => ({ runKey, run: label })),
    halted,
    tunedPath,
    flags,
    reportPath,
  };
}

export function exitCode({ failed, left, halted }: SweepOutcome): number {
  if (halted !== null || failed.length > 0) return 1;
  return left.length > 0 ? 130 : 0;
}
