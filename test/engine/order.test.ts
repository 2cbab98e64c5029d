/** The order in which ONNX Runtime runs nodes, against its own profile; an order that keeps fewer bytes, the same bits. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeFunction } from '../../src/engine/onnx/encode.js';
import type { OnnxGraph } from '../../src/engine/onnx/graph.js';
import { livePeakBytes } from '../../src/engine/onnx/liveness.js';
import { lower } from '../../src/engine/onnx/lower.js';
import { executionOrder, inFrugalOrder } from '../../src/engine/onnx/order.js';
import { createSession, feedsOf, prepare } from '../../src/engine/ortSession.js';
import { optimise } from '../../src/engine/passes/index.js';
import { traceStep } from '../../src/engine/stepGraph.js';
import { tinyTraining } from './tinyTraining.js';

const CASES = [
  ['transformer', {}],
  ['primer', { positions: 'rotary' }],
  ['t5', { positions: 'relative' }],
] as const;

interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly args: { readonly op_name?: string };
}

/** Operations in the order in which a session has run them once. */
async function ranOps(graph: OnnxGraph, training: ReturnType<typeof tinyTraining>): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'isoloss-profile-'));
  try {
    const session = await createSession(
      encodeFunction(graph),
      'cpu',
      { threads: 1 },
      {
        graphOptimizationLevel: 'disabled',
        enableProfiling: true,
        profileFilePrefix: join(folder, 'run'),
      },
    );
    const { state, perStep } = training.program;
    await session.run(feedsOf([...state, ...perStep], { ...training.state, ...training.inputs(1, 1) }));
    session.endProfiling();
    await session.release();
    const events = JSON.parse(
      readFileSync(join(folder, readdirSync(folder)[0]!), 'utf8'),
    ) as readonly ProfileEvent[];
    return events
      .filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'))
      .map(({ args }) => args.op_name!);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the order in which nodes are run', () => {
  it.each(CASES)('%s %j: is the one that ONNX Runtime runs them in', async (preset, change) => {
    const training = tinyTraining({ preset, ...change });
    const graph = await prepare(traceStep(training.program, 'fused'), 'cpu', { threads: 1 });
    const predicted = executionOrder(graph.nodes).map(({ op }) => op);
    expect(await ranOps(graph, training)).toEqual(predicted);
  });

  it.each(CASES)('%s %j: can be chosen to keep fewer bytes', (preset, change) => {
    const big = { dModel: 32, nLayers: 4, dFf: 64, contextLength: 32 };
    const { program } = tinyTraining({ preset, ...change, ...big });
    const graph = optimise(lower(traceStep(program, 'fused')));
    const peak = ({ nodes, ...rest }: OnnxGraph): number =>
      livePeakBytes({ ...rest, nodes: executionOrder(nodes) });
    const frugal = inFrugalOrder(graph);
    expect(peak(frugal)).toBeLessThan(peak(graph));
    expect(new Set(frugal.nodes).size).toBe(frugal.nodes.length);
  });
});
