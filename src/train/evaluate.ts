/** Held-out loss of parameters on the fixed windows of a split, as its own compiled graph. */
import type { LossSummary } from '../data/evaluation.js';
import type { PreparedCorpus } from '../data/corpus.js';
import type { Engine, EngineOptions } from '../engine/executable.js';
import { sizeOf, type HostTensors } from '../engine/tensors.js';
import type { LanguageModel } from '../models/model.js';
import type { ModelSetup } from '../store/record.js';
import { objectiveFor } from './objective.js';
import { evaluationProgram, tokenSpecs } from './programs.js';

/** Windows of one evaluation call, few enough for their logits to stay in the cache. */
const EVAL_BATCH_SIZE = 8;

export type EvalSplit = 'val' | 'test';

export interface Evaluator {
  evaluate(params: HostTensors, split: EvalSplit): Promise<LossSummary>;
  dispose(): Promise<void>;
}

/** Compiles the evaluation of a model on a corpus. */
export async function compileEvaluation(
  engine: Engine,
  model: LanguageModel,
  corpus: PreparedCorpus,
  setup: { readonly model: ModelSetup; readonly evalTokens: number },
  options: EngineOptions,
): Promise<Evaluator> {
  const { contextLength } = setup.model;
  const shape = { batchSize: EVAL_BATCH_SIZE, contextLength };
  const compiled = await engine.compileFunction(evaluationProgram(model, shape), options);
  const objective = objectiveFor(setup.model, corpus);
  const batch = Object.fromEntries(
    tokenSpecs(model, shape).map((spec) => [spec.name, new Int32Array(sizeOf(spec.shape))]),
  );
  return {
    async evaluate(params, split) {
      const heldOut = objective.heldOut(corpus[split], setup.evalTokens);
      for (let first = 0; first < heldOut.count; first += EVAL_BATCH_SIZE) {
        heldOut.fill(batch, first, EVAL_BATCH_SIZE);
        const { nats } = await compiled.run({ ...params, ...batch });
        heldOut.keep(nats!, first, EVAL_BATCH_SIZE);
      }
      return heldOut.summarise();
    },
    dispose: () => compiled.dispose(),
  };
}
