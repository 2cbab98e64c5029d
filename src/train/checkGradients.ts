/** Whether every parameter is trained: it is used, a gradient flows to it, and that gradient is not 0 everywhere. */
import type { TraceGraph, TraceNode, TraceValue } from '../engine/trace/graph.js';
import { trace } from '../engine/trace/trace.js';
import { crossEntropy } from '../ops/crossEntropy.js';
import { randomWords } from '../ops/random.js';
import { tf } from '../ops/tf.js';
import { given, sampleBatch, type CheckedModel, type CheckResult } from './checkedModel.js';
import { gradientProgram, RANDOM_WORDS } from './programs.js';
import { paramKey } from './stateNames.js';

/** tfjs's words where no path leads from a value to a parameter. */
const NO_PATH = 'Cannot compute gradient of y=f(x)';

const failed = (detail: string, remedy: string): CheckResult => ({
  name: 'gradients',
  passed: false,
  detail,
  remedy,
});

export async function checkGradients(checked: CheckedModel, forward: TraceGraph): Promise<CheckResult> {
  const { model, batch, params, setup, engine } = checked;
  const unused = unusedParameters(checked, forward);
  if (unused.length > 0) {
    return failed(
      `the logits do not depend on ${listed(unused)}`,
      'Use these parameters in the forward pass, or leave them out of params().',
    );
  }
  const program = gradientProgram(model, batch);
  try {
    trace(program.fn, program.inputs, 'fused');
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (!message.includes(NO_PATH)) {
      return failed(
        `the backward pass can't be traced: ${message}`,
        'Use operations whose gradient docs/operations.md lists.',
      );
    }
    return failed(
      `no gradient flows to ${listed(cutOff(checked))}`,
      'Between these parameters and the logits lies an operation without a gradient, such as argMax, topk indices, a comparison, a cast or ops.stopGradient.',
    );
  }
  const compiled = await engine.compileFunction(program, { threads: 1 });
  try {
    const words = program.inputs.some(({ name }) => name === RANDOM_WORDS) ? randomWords(0, 1) : undefined;
    const tokens = sampleBatch(model, batch, setup.vocabSize);
    const results = await compiled.run({ ...params, ...given({ ...tokens, [RANDOM_WORDS]: words }) });
    const gradients = model.params.map(({ name }) => ({ name, gradient: results[name]! }));
    const broken = gradients.filter(({ gradient }) => !gradient.every(Number.isFinite));
    if (broken.length > 0) {
      return failed(
        `the gradient of ${listed(broken.map(({ name }) => name))} is not finite`,
        'Look for a division by 0, the logarithm or square root of what may be 0, and exponentials without a bound.',
      );
    }
    const zero = gradients.filter(({ gradient }) => gradient.every((value) => value === 0));
    if (zero.length > 0) {
      return failed(
        `the gradient of ${listed(zero.map(({ name }) => name))} is 0 everywhere`,
        'Look for a saturated or dead activation, a mask that hides everything, or a product with 0.',
      );
    }
    return {
      name: 'gradients',
      passed: true,
      detail: `all ${gradients.length} parameters have a gradient`,
      remedy: null,
    };
  } finally {
    await compiled.dispose();
  }
}

/** Parameters that no live operation of the forward pass reads. */
function unusedParameters({ model }: CheckedModel, { inputs, outputs, nodes }: TraceGraph): string[] {
  const read = new Set<TraceValue>(outputs.map(({ value }) => value));
  nodes.forEach((node: TraceNode) => node.inputs.forEach((value) => read.add(value)));
  const values = new Map(inputs.map(({ name, value }) => [name, value]));
  return model.params.map(({ name }) => name).filter((name) => !read.has(values.get(paramKey(name))!));
}

/** Parameters that have no gradient on their own. */
function cutOff({ model, batch }: CheckedModel): string[] {
  const { inputs } = gradientProgram(model, batch);
  return model.params
    .map(({ name }) => name)
    .filter((name) => {
      const alone = (tensors: Parameters<Parameters<typeof trace>[0]>[0]) => {
        const params = Object.fromEntries(
          model.params.map((spec) => [spec.name, tensors[paramKey(spec.name)]!]),
        );
        const loss = tf.valueAndGrads((value) =>
          crossEntropy(
            model.logits(
              { ...params, [name]: value },
              tensors['inputs']!,
              batch.batchSize,
              tensors['source'],
            ),
            tensors['targets']!,
          ),
        )([params[name]!]);
        return { gradient: loss.grads[0]! };
      };
      try {
        trace(alone, inputs, 'naive');
        return false;
      } catch (error) {
        return error instanceof Error && error.message.includes(NO_PATH);
      }
    });
}

const listed = (names: readonly string[]): string =>
  names.length > 6 ? `${names.slice(0, 6).join(', ')} and ${names.length - 6} more` : names.join(', ');
