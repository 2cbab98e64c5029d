/** `isoloss plan`: what a sweep would train, and what that costs. */
import type { Command } from 'commander';

interface PlanFlags {
  readonly results: string;
  readonly workers?: string;
  readonly threads?: string;
  readonly on?: string;
  readonly json?: true;
}

export function addPlanCommand(program: Command): void {
  program
    .command('plan')
    .description(
      'list the runs of a sweep with parameters, FLOPs, tokens, epochs, predicted time and memory, and train nothing',
    )
    .argument('<sweep>', 'name of a sweep, or path of a sweep file')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--workers <n>', 'runs at the same time, for the predicted time')
    .option('--threads <n>', 'threads of a worker, for the predicted time')
    .option('--on <device>', 'predict for a device (t4, v100, l4, a100, h100, h200) instead of this machine')
    .option('--json', 'print the plan as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  isoloss plan quick\n  isoloss plan quick --on h100\n  isoloss plan ./my-sweep.yaml --json',
    )
    .action(async (sweep: string, flags: PlanFlags) => {
      const { planStages } = await import('../sweeps/stages.js');
      const { predictPlan } = await import('../sweeps/predict.js');
      const { findDevice } = await import('../sweeps/devices.js');
      const { planGrid, planJson, planSummary, planTable, predictionText } =
        await import('../sweeps/planText.js');
      const { planOptions } = await import('./sweepFlags.js');
      const device = flags.on === undefined ? null : findDevice(flags.on);
      const plans = await planStages(sweep, planOptions(flags));
      if (flags.json === true) {
        const plan = plans.at(-1)!;
        console.log(JSON.stringify(planJson(plan, predictPlan(plan, device)), null, 2));
        return;
      }
      const parts = plans.flatMap((plan) => {
        const prediction = predictPlan(plan, device);
        return [
          planTable(plan, prediction).trimEnd(),
          planGrid(plan),
          `${planSummary(plan)}\n${predictionText(plan, prediction)}`,
        ];
      });
      console.log(parts.join('\n\n'));
    });
}
