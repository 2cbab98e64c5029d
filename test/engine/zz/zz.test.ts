import { it } from 'vitest';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { encodeLoop } from '../../../src/engine/onnx/encode.js';
import { lower } from '../../../src/engine/onnx/lower.js';
import { PASSES } from '../../../src/engine/passes/index.js';
import { rewrite } from '../../../src/engine/passes/rewrite.js';
import { traceStep } from '../../../src/engine/stepGraph.js';
import { buildModel } from '../../../src/models/registry.js';
import { makeOptimizer } from '../../../src/train/optimizers.js';
import { trainingProgram } from '../../../src/train/programs.js';
import { sizeOf } from '../../../src/engine/tensors.js';
import { ADAMW } from '../tinyTraining.js';
import { productRules } from './alt.js';
it('ab', async () => {
  for (const [d, L, B, n] of [[32, 2, 8, 150], [64, 2, 16, 40]] as const) {
    const opt = makeOptimizer(ADAMW);
    const model = buildModel({ preset: 'transformer', positions: 'absolute', vocabSize: 1024, contextLength: 128, dModel: d, nLayers: L, nHeads: 4, dHead: d / 4, dFf: 4 * d, tiedEmbeddings: false, init: 'small' });
    const p = trainingProgram(model, opt, 1, { batchSize: B, contextLength: 128 });
    const g = lower(traceStep(p, 'fused'));
    const make = async (alt: boolean) => InferenceSession.create(encodeLoop(PASSES.reduce((x, { name, rules }) => rewrite(x, alt && name === 'products' ? productRules : rules), g), p), { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential', graphOptimizationLevel: 'all', logSeverityLevel: 3 });
    const sessions = [await make(false), await make(true)];
    const K = 2; const feeds: Record<string, Tensor> = { stepCount: new Tensor('int64', BigInt64Array.of(BigInt(K)), []) };
    for (const s of p.state) feeds['initial/' + s.name] = new Tensor('float32', Float32Array.from({ length: sizeOf(s.shape) }, (_, i) => Math.abs(Math.sin(i) * 0.05)), s.shape);
    for (const s of p.perStep) feeds['all/' + s.name] = s.dtype === 'int32' ? new Tensor('int32', Int32Array.from({ length: K * sizeOf(s.shape) }, (_, i) => (i * 7919) % 1024), [K, ...s.shape]) : new Tensor('float32', new Float32Array(K).fill(1e-3), [K]);
    const all: number[][] = [[], []];
    for (let i = 0; i < n; i++) for (const k of i % 2 ? [0, 1] : [1, 0]) { const t = performance.now(); await sessions[k]!.run(feeds); all[k]!.push((performance.now() - t) / K); }
    const q = (x: number[], f: number) => x.toSorted((a, b) => a - b)[Math.floor(f * x.length)]!.toFixed(2);
    console.log(`d${d} L${L} B${B}: fused min ${q(all[0]!, 0)} q10 ${q(all[0]!, 0.1)} med ${q(all[0]!, 0.5)}; before min ${q(all[1]!, 0)} q10 ${q(all[1]!, 0.1)} med ${q(all[1]!, 0.5)} ms a step`);
  }
});
