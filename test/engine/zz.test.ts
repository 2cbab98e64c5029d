import { it } from 'vitest';
import { lower } from '../../src/engine/onnx/lower.js';
import { optimise } from '../../src/engine/passes/index.js';
import { traceStep } from '../../src/engine/stepGraph.js';
import { tinyTraining } from './tinyTraining.js';
it('x', () => {
  for (const t of [tinyTraining({nLayers:1}), tinyTraining({ preset: 'primer', positions: 'relative', nLayers: 1 })]) {
    const plain = lower(traceStep(t.program, 'fused'));
    const g = optimise(plain);
    const hist = (x: typeof g) => { const h: Record<string, number> = {}; for (const n of x.nodes) h[n.op] = (h[n.op] ?? 0) + 1; return JSON.stringify(h); };
    console.log(hist(plain)); console.log(hist(g));
    for (const n of g.nodes) if (['MatMul','Gemm','FusedMatMul'].includes(n.op)) for (const [i, v] of n.inputs.entries()) if (v.producer?.op === 'Transpose') console.log(n.op, i, JSON.stringify(n.attrs), n.inputs.map(v=>v.shape.join('x')).join(' '), JSON.stringify(v.producer.attrs), v.producer.inputs[0]!.producer?.op, v.producer.inputs[0]!.shape.join('x'));
  }
});
