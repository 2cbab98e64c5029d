/** Held-out loss of parameters on the fixed windows of a split, as its own compiled graph. */
import {
  evaluationWindows,
  fillEvalBatch,
  storeEvalLosses,
  summariseLosses,
  type LossSummary,
} from '../data/evaluation.js';
import type { PreparedCorpus } from '../data/corpus.js';
import type { Engine, EngineOptions } from '../engine/executable.js';
import type { HostTensors } from '../engine/tensors.js';
import type { LanguageModel } from '../models/model.js';
import { evaluationProgram } from './programs.js';

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
  setup: { readonly contextLength: number; readonly evalTokens: number },
  options: EngineOptions,
): Promise<Evaluator> {
  const { contextLength } = setup;
  const program = evaluationProgram(model, { batchSize: EVAL_BATCH_SIZE, contextLength });
  const compiled = await engine.compileFunction(program, options);
  const inputs = new Int32Array(EVAL_BATCH_SIZE * contextLength);
  const targets = new Int32Array(EVAL_BATCH_SIZE * contextLength);
  return {
    async evaluate(params, split) {
      const windows = evaluationWindows(corpus[split], { contextLength, maxTokens: setup.evalTokens });
      const nats = new Float32Array(windows.tokens);
      for (let first = 0; first < windows.count; first += EVAL_BATCH_SIZE) {
        const place = { first, batchSize: EVAL_BATCH_SIZE };
        fillEvalBatch(windows, corpus[split], { ...place, inputs, targets });
        const result = await compiled.run({ ...params, inputs, targets });
        storeEvalLosses(windows, { ...place, losses: result['nats']! }, nats);
      }
      return summariseLosses(nats, windows, corpus.tokenizer.byteLengths);
    },
    dispose: () => compiled.dispose(),
  };
}
