/** Whether a model can be trusted in a study: it traces, sees no later token, trains every parameter, and learns. */
import { countFlops, nodeFlops } from '../engine/cost.js';
import type { Engine } from '../engine/executable.js';
import { ortEngine } from '../engine/ort.js';
import { sizeOf, type HostArray, type HostTensors } from '../engine/tensors.js';
import { trace } from '../engine/trace/trace.js';
import type { TraceGraph } from '../engine/trace/graph.js';
import { ModelError } from '../models/error.js';
import type { LanguageModel } from '../models/model.js';
import { countParams, initialValue, type ParamCounts } from '../models/params.js';
import { buildModel } from '../models/buildModel.js';
import type { ModelSetup, OptimizerSetup } from '../store/record.js';
import { checkCausality, checkEncoder, checkSequences } from './checkCausality.js';
import { given, sampleBatch, type CheckedModel, type CheckResult } from './checkedModel.js';
import { checkGradients } from './checkGradients.js';
import { checkFinite, checkRepeatable, traceForward, type ForwardTrace } from './checkValues.js';
import { gradientProgram } from './programs.js';
import { paramKey } from './stateNames.js';
import { compileTraining, stackStepInputs } from './stepRunner.js';

export interface ModelCheck {
  readonly setup: ModelSetup;
  readonly batchSize: number;
  readonly params: ParamCounts;
  /** Null where the model can't be traced. */
  readonly cost: ModelCheckCost | null;
  readonly checks: readonly CheckResult[];
  readonly passed: boolean;
  /** The naive graph of the forward pass, for a picture; null where the model can't be traced. */
  readonly forward: TraceGraph | null;
}

export interface ModelCheckCost {
  /** Forward and backward of one step by the FLOP rule. */
  readonly flopsPerStep: number;
  readonly flopsPerToken: number;
  readonly flopsByKind: Readonly<Record<string, number>>;
  /** By TensorFlow.js kernel, most FLOPs first. */
  readonly flopsByOperation: readonly {
    readonly operation: string;
    readonly count: number;
    readonly flops: number;
  }[];
}

export interface CheckOptions {
  readonly batchSize: number;
  readonly threads?: number;
  readonly engine?: Engine;
  /** Reads the architecture's file anew, where it has one. */
  readonly reload?: () => Promise<unknown>;
}

/** Steps of the short training, all on one batch, which any model that learns at all soon knows by heart. */
const TRAINING_STEPS = 20;
/** Rate at widths up to 64, and the rule for wider ones. */
const learningRate = (dModel: number): number => 0.016 * Math.min(1, 64 / dModel);
/** Least share of the first loss that the training has to take off. */
const LEAST_DROP = 0.02;
/** Times the loss of guessing that the first loss may be: beyond, initial values are off by orders of magnitude. */
const MOST_FIRST_LOSS = 10;
/** Parameters that a check allocates: several copies of them, with gradients and optimizer state. */
const MOST_PARAMS = 2 ** 26;

const NOISE_STD = 0.02;

/**
 * Checks a model at one size.
 * @throws ModelError where it can't be built at this size
 */
export async function checkModel(setup: ModelSetup, options: CheckOptions): Promise<ModelCheck> {
  const { batchSize, engine = ortEngine } = options;
  const model = buildModel(setup);
  const batch = { batchSize, contextLength: setup.contextLength };
  const head = { setup, batchSize, params: countParams(model.params) };
  requireSmall(model, head.params);
  let traced: ForwardTrace;
  try {
    traced = traceForward(model, batch);
  } catch (error) {
    return { ...head, cost: null, forward: null, passed: false, checks: [untraceable(error)] };
  }
  const forward = traced.graph;
  const checked: CheckedModel = { setup, model, batch, params: movedParams(model), engine };
  await options.reload?.();
  const first: CheckResult[] = [
    { name: 'trace', passed: true, detail: `${forward.nodes.length} operations forward`, remedy: null },
    checkRepeatable(model, buildModel(setup), batch, traced),
  ];
  const notFinite = await checkFinite(checked, traced);
  if (notFinite !== null) {
    return { ...head, cost: null, forward, passed: false, checks: [...first, notFinite] };
  }
  const gradients = await checkGradients(checked, forward);
  const checks: CheckResult[] = [
    ...first,
    await checkCausality(checked),
    ...(batchSize > 1 ? [await checkSequences(checked)] : []),
    ...(model.encoder === undefined ? [] : [await checkEncoder(checked)]),
    gradients,
    ...(gradients.passed ? [await checkTraining(setup, options)] : []),
  ];
  const passed = checks.every((check) => check.passed);
  return { ...head, cost: gradients.passed ? costOf(checked) : null, forward, checks, passed };
}

function untraceable(error: unknown): CheckResult {
  const detail = error instanceof Error ? error.message : String(error);
  return { name: 'trace', passed: false, detail, remedy: null };
}

/** @throws ModelError where the check would not fit into memory, naming the largest parameter */
function requireSmall({ params }: LanguageModel, { paramsTotal }: ParamCounts): void {
  if (paramsTotal <= MOST_PARAMS) return;
  const [largest] = params.toSorted((a, b) => sizeOf(b.shape) - sizeOf(a.shape));
  throw new ModelError(
    `the model has ${paramsTotal.toLocaleString('en-US')} parameters at this size (the largest is "${largest!.name}", ` +
      `[${largest!.shape.join()}]), and a check trains it: give a smaller size (--d, --layers, --vocab). ` +
      '`isoloss plan --arch` counts models of any size.',
  );
}

function movedParams(model: LanguageModel): HostTensors {
  return Object.fromEntries(
    model.params.map((spec) => {
      const noise = initialValue({ ...spec, init: { kind: 'normal', std: NOISE_STD } }, 1);
      return [paramKey(spec.name), initialValue(spec, 0).map((value, i) => value + noise[i]!)];
    }),
  );
}

function costOf({ model, batch }: CheckedModel): ModelCheckCost {
  const { fn, inputs } = gradientProgram(model, batch);
  const graph = trace(fn, inputs, 'naive');
  const byOperation = new Map<string, { count: number; flops: number }>();
  for (const node of graph.nodes) {
    const { count, flops } = byOperation.get(node.kernel) ?? { count: 0, flops: 0 };
    byOperation.set(node.kernel, { count: count + 1, flops: flops + nodeFlops(node) });
  }
  const { total, byKind } = countFlops(graph);
  return {
    flopsPerStep: total,
    flopsPerToken: total / (batch.batchSize * batch.contextLength),
    flopsByKind: byKind,
    flopsByOperation: [...byOperation]
      .map(([operation, { count, flops }]) => ({ operation, count, flops }))
      .sort((a, b) => b.flops - a.flops || b.count - a.count),
  };
}

/** The same tokens for every step. */
const repeated = (tokens: HostArray): Int32Array =>
  Int32Array.from({ length: TRAINING_STEPS * tokens.length }, (_, i) => tokens[i % tokens.length]!);

async function checkTraining(
  setup: ModelSetup,
  { batchSize, threads = 1, engine = ortEngine }: CheckOptions,
): Promise<CheckResult> {
  const optimizer: OptimizerSetup = {
    kind: 'adamw',
    learningRate: learningRate(setup.dModel),
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-8,
    weightDecay: 0.1,
    clipNorm: 1,
  };
  const runner = await compileTraining(engine, { model: setup, optimizer, batchSize, seed: 0 }, { threads });
  try {
    const { contextLength, vocabSize } = setup;
    const tokens = given(sampleBatch(runner.model, { batchSize, contextLength }, vocabSize));
    const { loss } = await runner.executable.run(TRAINING_STEPS, {
      ...Object.fromEntries(Object.entries(tokens).map(([name, values]) => [name, repeated(values)])),
      ...stackStepInputs(runner, 1, TRAINING_STEPS, () => optimizer.learningRate),
    });
    const first = loss![0]!;
    const last = loss!.at(-1)!;
    const detail =
      `${TRAINING_STEPS} steps on one batch take the loss from ${first.toFixed(3)} to ${last.toFixed(3)} nats ` +
      `(guessing: ${Math.log(vocabSize).toFixed(3)})`;
    const passed = last < first * (1 - LEAST_DROP) && first < MOST_FIRST_LOSS * Math.log(vocabSize);
    const remedy =
      'Look at the initial values (a matrix wants a standard deviation near 1 / sqrt of its rows), at residual connections ' +
      'and norms, and at whether the output depends on the input at all.';
    return { name: 'training', passed, detail, remedy: passed ? null : remedy };
  } finally {
    await runner.executable.dispose();
  }
}
