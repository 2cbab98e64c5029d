/** `isoloss plan`: what a sweep would train, and what that costs. */
import type { Command } from 'commander';

interface PlanFlags {
  readonly results: string;
  readonly workers?: string;
  readonly threads?: string;
  readonly json?: true;
}

export function addPlanCommand(program: Command): void {
  program
    .command('plan')
    .description(
      'list the runs of a sweep with parameters, FLOPs, tokens, epochs and steps, and train nothing',
    )
    .argument('<sweep>', 'name of a sweep, or path of a sweep file')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--workers <n>', 'runs at the same time, for the predicted time')
    .option('--threads <n>', 'threads of a worker, for the predicted time')
    .option('--json', 'print the plan as JSON')
    .addHelpText('after', '\nExamples:\n  isoloss plan quick\n  isoloss plan ./my-sweep.yaml --json')
    .action(async (sweep: string, flags: PlanFlags) => {
      const { planSweep } = await import('../sweeps/plan.js');
      const { planJson, planSummary, planTable } = await import('../sweeps/planText.js');
      const { planOptions } = await import('./sweepFlags.js');
      const plan = await planSweep(sweep, planOptions(flags));
      if (flags.json === true) console.log(JSON.stringify(planJson(plan), null, 2));
      else console.log(`${planTable(plan)}\n${planSummary(plan)}`);
    });
}
