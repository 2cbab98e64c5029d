/** `isoloss plan`: what a sweep would train, and what that costs. */
import { Option, type Command } from 'commander';
import type { SweepPreview } from '../sweeps/plan.js';
import type { PlanModelFlags } from './planModel.js';

interface PlanFlags extends PlanModelFlags {
  readonly workers?: string;
  readonly svg?: string;
}

export function addPlanCommand(program: Command): void {
  program
    .command('plan')
    .description(
      'list the runs of a sweep with parameters, FLOPs, tokens, epochs, predicted time and memory, and train nothing; or, with --arch, what one model costs',
    )
    .argument('[sweep]', 'name of a sweep, or path of a sweep file')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--workers <n>', 'runs at the same time, for the predicted time')
    .option('--threads <n>', 'threads of a worker, for the predicted time')
    .option('--on <device>', 'predict for a device (t4, v100, l4, a100, h100, h200) instead of this machine')
    .option('--svg <file>', 'write the picture of the grid over the predicted isoFLOP curves to a file')
    .option('--json', 'print the plan as JSON')
    .option('--arch <name>', 'plan one model instead of a sweep: an architecture, or ARCHITECTURE@POSITIONS')
    .option(
      '--size <name>',
      'its size by name: small, medium, large, xl (the paper), l6-d384-f4 ..., d48 to d2176',
    )
    .option('--d <dModel>', 'its width')
    .option('--layers <nLayers>', 'its depth')
    .option('--heads <nHeads>', 'its attention heads; one for every 64 of width where not given')
    .option('--d-head <width>', 'width of a head; dModel / nHeads where not given')
    .option('--d-ff <width>', "width of the feed-forward layer; the architecture's own where not given")
    .option('--vocab <tokens>', 'vocabulary size (1024)')
    .option('--length <tokens>', 'context length (128)')
    .option('--batch <sequences>', 'sequences a step (8)')
    .option('--tied', 'one matrix for input and output embeddings')
    .addOption(new Option('--optimizer <kind>', 'adamw where not given').choices(['adamw', 'adafactor']))
    .addOption(new Option('--init <kind>', 'initial values, small where not given').choices(['small', 't5']))
    .option('--steps <n>', 'steps of a whole training')
    .addHelpText(
      'after',
      '\nExamples:\n  isoloss plan quick\n  isoloss plan quick --on h100\n  isoloss plan ./my-sweep.yaml --json\n  isoloss plan quick --svg quick-plan.svg\n  isoloss plan --arch primer --d 256 --layers 6 --batch 16 --steps 10000\n  isoloss plan --arch t5-primer --size xl --vocab 32128 --length 512 --batch 128 --tied --optimizer adafactor --init t5 --on h100',
    )
    .action(async (sweep: string | undefined, flags: PlanFlags) => {
      const { UsageError } = await import('../store/errors.js');
      if (flags.on !== undefined && (flags.workers !== undefined || flags.threads !== undefined))
        throw new UsageError(
          '--workers and --threads are about this machine, and --on predicts for a device: leave out the one or the other.',
        );
      if (flags.arch !== undefined && sweep === undefined) {
        if (flags.svg !== undefined)
          throw new UsageError('--svg draws the grid of a sweep; a single model (--arch) has none.');
        if (flags.workers !== undefined)
          throw new UsageError('--workers is for the runs of a sweep; a single model (--arch) is one.');
        const { planOneModel } = await import('./planModel.js');
        await planOneModel(flags, flags.arch);
        return;
      }
      if (sweep === undefined) throw new UsageError('Name a sweep, or a model with --arch.');
      const strays = MODEL_FLAGS.filter((name) => flags[name] !== undefined);
      if (strays.length > 0)
        throw new UsageError(
          `${strays.map(flagText).join(', ')} ${strays.length === 1 ? 'is' : 'are'} for a single model (--arch, without a sweep).`,
        );
      const { planStages } = await import('../sweeps/stages.js');
      const { predictedGrid } = await import('../sweeps/predictedGrid.js');
      const { predictPlan } = await import('../sweeps/predict.js');
      const { findDevice } = await import('../sweeps/devices.js');
      const { planGrid, planJson, planSummary, planTable, predictionText } =
        await import('../sweeps/planText.js');
      const { measuredHere, planOptions } = await import('./sweepFlags.js');
      const device = flags.on === undefined ? null : findDevice(flags.on);
      const plans = await planStages(sweep, planOptions(flags));
      const measured: SweepPreview[] = [];
      for (const plan of plans) {
        measured.push(device === null ? await measuredHere(plan, { split: false }) : plan);
      }
      const last = measured.at(-1)!;
      const grid = await predictedGrid(last);
      const { planPictureText, planSvg } = await import('../report/planPicture.js');
      if (flags.svg !== undefined) {
        const { writeNamedFile } = await import('../store/namedFile.js');
        writeNamedFile(flags.svg, await planSvg(grid));
      }
      if (flags.json === true) {
        const { law, optima } = grid;
        const plan = planJson(last, predictPlan(last, device));
        console.log(JSON.stringify({ ...plan, predictedOptima: { law, optima } }, null, 2));
        return;
      }
      const parts = measured.flatMap((plan) => {
        const prediction = predictPlan(plan, device);
        return [
          planTable(plan, prediction).trimEnd(),
          planGrid(plan),
          ...(plan === last ? [planPictureText(grid, process.stdout.columns)] : []),
          `${planSummary(plan)}\n${predictionText(plan, prediction)}`,
        ];
      });
      console.log(parts.join('\n\n'));
    });
}

/** What describes a single model, and nothing of a sweep. */
const MODEL_FLAGS = [
  'arch',
  'size',
  'd',
  'layers',
  'heads',
  'dHead',
  'dFf',
  'vocab',
  'length',
  'batch',
  'tied',
  'optimizer',
  'init',
  'steps',
] as const;

const flagText = (name: string): string =>
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
