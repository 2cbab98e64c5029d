/** Expands a sweep into the runs it asks for: each with its setup, its steps from the counted FLOPs, and its run key. */
import { UsageError } from '../store/errors.js';
import type { ModelSetup, OptimizerSetup, RunRecord, RunSetup } from '../store/record.js';
import type { Architecture, ArchitectureCatalogue } from './architecture.js';
import { type Cell, cellsOf } from './cells.js';
import { tuneOf } from './check.js';
import { flopsText } from './format.js';
import { learningRates } from './learningRates.js';
import type { SizeSpec, SweepFile } from './schema.js';
import type { LoadedSweep } from './sweepFile.js';
import { tunedSpecOf, tuningNames } from './tuned.js';

/** Below this a run says more about warm-up than about the model. */
const FEW_STEPS = 200;

/** What is counted on a model's graph. */
export interface CountedModel {
  readonly paramsTotal: number;
  readonly paramsNonEmbedding: number;
  readonly paramsActive: number;
  readonly paramsByGroup: Readonly<Record<string, number>>;
  readonly flopsPerStep: number;
  readonly flopsMatmulPerStep: number;
  readonly flopsByKind: Readonly<Record<string, number>>;
}

/** What names a run. */
export interface RunName {
  readonly runKey: string;
  readonly keyParts: Record<string, unknown>;
  /** Equal for runs that are one run up to where the shorter one cools down. */
  readonly trunk: string;
}

/** What an expansion needs of the rest of the project. */
export interface ExpandContext<Cost extends CountedModel> {
  readonly catalogue: ArchitectureCatalogue;
  /** Counts a model; called once for each architecture and size. */
  readonly describeModel: (model: ModelSetup, batchSize: number) => Cost;
  readonly runKey: (setup: RunSetup, cost: Cost) => RunName;
  /** Id of the prepared corpus. */
  readonly corpusId: string;
  /** Passes over the training text that a run of so many steps makes; NaN where its length is not known. */
  readonly epochsOf: (steps: number) => number;
}

/** A run as the sweep asks for it. */
export interface PlannedRun {
  readonly runKey: string;
  readonly keyParts: Record<string, unknown>;
  readonly trunk: string;
  /** What people call it, such as `primer-ez d32 8e11 seed 0`. */
  readonly label: string;
  readonly architecture: Architecture;
  readonly sizeName: string;
  readonly budgetFlops: number;
  /** One of the sizes that `sizes: auto` chooses among. */
  readonly isCandidate: boolean;
  readonly setup: RunSetup;
  readonly cost: CountedModel;
  readonly tokensPerStep: number;
  readonly tokens: number;
  readonly epochs: number;
  readonly flops: number;
  readonly flopsMatmul: number;
}

export interface Expansion {
  readonly runs: readonly PlannedRun[];
  /** What the user should know though nothing is wrong, in a sentence each. */
  readonly notices: readonly string[];
}

/** The model of a cell. */
export function modelOf(
  sweep: SweepFile,
  architecture: Architecture,
  size: SizeSpec,
  catalogue: ArchitectureCatalogue,
): ModelSetup {
  const { preset, positions } = architecture;
  const { dModel, nLayers, nHeads } = size;
  return {
    preset,
    positions,
    vocabSize: sweep.vocabSize,
    contextLength: sweep.contextLength,
    dModel,
    nLayers,
    nHeads,
    dHead: size.dHead ?? dModel / nHeads,
    dFf: size.dFf ?? catalogue.defaultDff(preset, (dModel * (size.ffMultiple ?? 4)) / 4),
    tiedEmbeddings: sweep.tiedEmbeddings,
    init: sweep.init,
  };
}

/**
 * Expands a sweep. A run's steps are those whose FLOPs, counted on its graph, come nearest to its budget, so that
 * spent and planned compute differ by half a step at most.
 *
 * @throws UsageError with the place in the file: a budget below one step, more epochs than allowed, a missing rate
 */
export function expandSweep<Cost extends CountedModel>(
  loaded: LoadedSweep,
  context: ExpandContext<Cost>,
): Expansion {
  const { sweep } = loaded;
  const cells = cellsOf(sweep, context.catalogue);
  const rates = learningRates(loaded);
  const models = new Map<string, { model: ModelSetup; cost: Cost }>();
  const problems: string[] = [];
  const untuned = new Set<string>();
  const runs = new Map<string, PlannedRun>();
  const twins: string[] = [];

  const describe = (cell: Cell): { model: ModelSetup; cost: Cost } => {
    const key = `${cell.architecture.label} ${cell.sizeName}`;
    const known = models.get(key);
    if (known !== undefined) return known;
    const model = modelOf(sweep, cell.architecture, sweep.sizes[cell.sizeName]!, context.catalogue);
    const described = { model, cost: context.describeModel(model, sweep.batchSize) };
    models.set(key, described);
    return described;
  };

  for (const cell of cells) {
    const { model, cost } = describe(cell);
    const cellRates = rates.of(cell.architecture.label, model, cell.budgetFlops);
    if (cellRates === null) {
      if (cell.isCandidate) continue;
      untuned.add(`${cell.architecture.label} ${cell.sizeName}`);
      continue;
    }
    const steps = Math.round(cell.budgetFlops / cost.flopsPerStep);
    const name = `${cell.architecture.label} ${cell.sizeName} ${flopsText(cell.budgetFlops)}`;
    const epochs = context.epochsOf(steps);
    // A candidate that can't be trained at this budget is none.
    if (cell.isCandidate && (steps < 1 || epochs > sweep.allowEpochs)) continue;
    if (steps < 1) {
      problems.push(
        `${loaded.at(cell.path)}  ${name}: the budget is less than one step, which costs ${flopsText(cost.flopsPerStep, 3)} FLOPs`,
      );
      continue;
    }
    if (epochs > sweep.allowEpochs) {
      problems.push(
        `${loaded.at(cell.path)}  ${name}: ${steps} steps read the training text ${epochs.toFixed(1)} times, more than the ${sweep.allowEpochs} allowed; ` +
          `take a larger corpus or size, a smaller budget, or say allowEpochs: ${Math.ceil(epochs)}`,
      );
      continue;
    }
    for (const learningRate of cellRates) {
      const setup: RunSetup = {
        model,
        optimizer: { ...sweep.optimizer, learningRate } satisfies OptimizerSetup,
        schedule: sweep.schedule,
        steps,
        batchSize: sweep.batchSize,
        seed: cell.seed,
        corpus: context.corpusId,
        evalTokens: sweep.evalTokens,
        precision: sweep.precision,
      };
      const { runKey, keyParts, trunk } = context.runKey(setup, cost);
      const tokensPerStep = sweep.batchSize * sweep.contextLength;
      const rateText = cellRates.length > 1 ? ` rate ${Number(learningRate.toPrecision(4))}` : '';
      const label = `${name} seed ${cell.seed}${rateText}`;
      const twin = runs.get(runKey);
      if (twin !== undefined) {
        twins.push(
          `${label} is the same run as ${twin.label} (${steps} steps); it is trained and counted once.`,
        );
        continue;
      }
      runs.set(runKey, {
        runKey,
        keyParts,
        trunk,
        label,
        architecture: cell.architecture,
        sizeName: cell.sizeName,
        budgetFlops: cell.budgetFlops,
        isCandidate: cell.isCandidate,
        setup,
        cost,
        tokensPerStep,
        tokens: steps * tokensPerStep,
        epochs,
        flops: steps * cost.flopsPerStep,
        flopsMatmul: steps * cost.flopsMatmulPerStep,
      });
    }
  }
  if (untuned.size > 0) {
    const names = tuningNames(tunedSpecOf(sweep)!);
    const files = names.map((name) => `${name}.tuned.json`).join(', ');
    const named = `no rate in ${files} for ${[...untuned].join(', ')}`;
    problems.push(
      tuneOf(sweep) !== null
        ? `${loaded.at(['learningRate', 'tune'])}  ${named}; add them to tune: sizes, or say transfer: inverse-width`
        : `${loaded.at(['learningRate', 'tuned'])}  ${named}; ` +
            `add them to the cells of ${names[0]}.yaml and run \`isoloss run ${names[0]}\`, or say transfer: inverse-width`,
    );
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return {
    runs: [...runs.values()],
    notices: [...twins, ...rates.remarks(), ...remarks([...runs.values()])],
  };
}

function remarks(runs: readonly PlannedRun[]): string[] {
  const short = runs.filter((run) => run.setup.steps < FEW_STEPS);
  const repeated = runs.filter((run) => run.epochs > 1);
  const most = Math.max(...runs.map((run) => run.epochs));
  return [
    ...(short.length > 0
      ? [
          `${short.length} of ${runs.length} runs have fewer than ${FEW_STEPS} steps, the shortest ${Math.min(...short.map((run) => run.setup.steps))}.`,
        ]
      : []),
    ...(repeated.length > 0
      ? [
          `${repeated.length} of ${runs.length} runs read the training text more than once, at most ${most.toFixed(2)} times.`,
        ]
      : []),
  ];
}

/** run.json of a planned run before its first step. */
export function initialRecord(run: PlannedRun, sweepName: string): RunRecord {
  const { cost } = run;
  return {
    format: 1,
    runKey: run.runKey,
    sweep: sweepName,
    arch: run.architecture.label,
    setup: run.setup,
    keyParts: run.keyParts,
    paramsTotal: cost.paramsTotal,
    paramsNonEmbedding: cost.paramsNonEmbedding,
    paramsActive: cost.paramsActive,
    paramsByGroup: { ...cost.paramsByGroup },
    flopsPerStep: cost.flopsPerStep,
    flopsMatmulPerStep: cost.flopsMatmulPerStep,
    flopsByKind: { ...cost.flopsByKind },
    tokensPerStep: run.tokensPerStep,
    tokens: run.tokens,
    epochs: run.epochs,
    flops: run.flops,
    flopsMatmul: run.flopsMatmul,
    budgetFlops: run.budgetFlops,
    trunk: run.trunk,
    status: 'planned',
    cause: null,
    stepsDone: 0,
    final: null,
    execution: null,
  };
}
