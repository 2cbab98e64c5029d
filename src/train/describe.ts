/** What a model costs and what names it: parameters, FLOPs and graph hashes from the naive trace, and the run key. */
import { countFlops, FLOP_RULE } from '../engine/cost.js';
import { hashGraph, type TraceGraph } from '../engine/trace/graph.js';
import { trace } from '../engine/trace/trace.js';
import type { LanguageModel } from '../models/model.js';
import { countParams, type ParamCounts } from '../models/params.js';
import { buildModel } from '../models/buildModel.js';
import { canonicalHash, canonicalJson, sha256Hex } from '../store/files.js';
import type { ModelSetup, RunSetup } from '../store/record.js';
import { evaluationProgram, gradientProgram } from './programs.js';
import { branchStep } from './schedules.js';

/** Raised by hand when a fix changes results, so that old runs are not taken for new ones. */
export const NUMERICS = 1;

/** Parameters and FLOPs of a model, from its trace alone. */
export interface ModelFigures extends ParamCounts {
  /** Forward and backward of one step by FLOP rule 1; optimizer, clipping and evaluation are not in it. */
  readonly flopsPerStep: number;
  readonly flopsMatmulPerStep: number;
  readonly flopsByKind: Readonly<Record<string, number>>;
}

export interface ModelCost extends ModelFigures {
  readonly trainGraphSha256: string;
  readonly evalGraphSha256: string;
  /** Of names, shapes and rules of the initial values, and of what weight decay applies to. */
  readonly initSha256: string;
}

function traceNaive(setup: ModelSetup, batchSize: number): { model: LanguageModel; trainGraph: TraceGraph } {
  const model = buildModel(setup);
  const gradients = gradientProgram(model, { batchSize, contextLength: setup.contextLength });
  return { model, trainGraph: trace(gradients.fn, gradients.inputs, 'naive') };
}

function figuresOf(model: LanguageModel, trainGraph: TraceGraph): ModelFigures {
  const flops = countFlops(trainGraph);
  return {
    ...countParams(model.params),
    flopsPerStep: flops.total,
    flopsMatmulPerStep: flops.matmul,
    flopsByKind: flops.byKind,
  };
}

/**
 * Parameters and FLOPs of a model of any size: seconds and 200 MB for 1.9 billion parameters, since nothing is allocated
 * and, unlike in {@link describeModel}, nothing is hashed.
 */
export function modelFigures(setup: ModelSetup, batchSize: number): ModelFigures {
  const { model, trainGraph } = traceNaive(setup, batchSize);
  return figuresOf(model, trainGraph);
}

const described = new Map<string, ModelCost>();

/** Traces a model's naive graphs; about 0.1 s, remembered for the life of the process. */
export function describeModel(setup: ModelSetup, batchSize: number): ModelCost {
  const key = canonicalJson({ setup, batchSize });
  const known = described.get(key);
  if (known !== undefined) return known;
  const { model, trainGraph } = traceNaive(setup, batchSize);
  const evaluation = evaluationProgram(model, { batchSize, contextLength: setup.contextLength });
  const cost: ModelCost = {
    ...figuresOf(model, trainGraph),
    trainGraphSha256: hashGraph(trainGraph),
    evalGraphSha256: hashGraph(trace(evaluation.fn, evaluation.inputs, 'naive')),
    initSha256: sha256Hex(canonicalJson(model.params)),
  };
  described.set(key, cost);
  return cost;
}

/** SHA-256 of the token streams that a run reads. */
export interface StreamHashes {
  readonly train: string;
  readonly val: string;
  readonly test: string;
}

/** The run key and what it was hashed from: RFC 8785 JSON of the parts, SHA-256, first 16 hex digits. */
export function runKey(
  setup: RunSetup,
  cost: ModelCost,
  streams: StreamHashes,
): { runKey: string; keyParts: Record<string, unknown> } {
  const keyParts = {
    trainGraph: cost.trainGraphSha256,
    evalGraph: cost.evalGraphSha256,
    initialValues: cost.initSha256,
    optimizer: setup.optimizer,
    schedule: setup.schedule,
    steps: setup.steps,
    tokensPerStep: setup.batchSize * setup.model.contextLength,
    contextLength: setup.model.contextLength,
    streams,
    evalTokens: setup.evalTokens,
    seed: setup.seed,
    precision: setup.precision,
    flopRule: FLOP_RULE,
    numerics: NUMERICS,
  };
  return { runKey: canonicalHash(keyParts), keyParts };
}

/** What runs of one trunk have in common: all that the run key is made of but the steps. */
export function trunkKey(
  setup: RunSetup,
  key: { runKey: string; keyParts: Record<string, unknown> },
): string {
  if (branchStep(setup.schedule, setup.steps) === null) return key.runKey;
  return canonicalHash({ ...key.keyParts, steps: null });
}
