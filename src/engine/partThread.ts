/** A thread of a divided step: gradients of its part of the batch, then its share of the sum and of the update. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { parentPort, workerData } from 'node:worker_threads';
import { FollowedError, leave, meet } from './meeting.js';
import { sessionOptions } from './ortOptions.js';
import type { PartCall, PartJob, PartReply, Placed } from './partJob.js';
import { sizeOf, type TensorSpec } from './tensors.js';

const job = workerData as PartJob;
const { part, parts, memory } = job;
const { meeting } = memory;

type Tensors = Record<string, Tensor>;

/** ONNX Runtime's binding takes no shared memory, so every tensor is the thread's own and is copied where others need it. */
const own = ({ shape }: Pick<TensorSpec, 'shape'>): Tensor =>
  new Tensor('float32', new Float32Array(sizeOf(shape)), shape);
const values = (tensor: Tensor): Float32Array => tensor.data as Float32Array;
const scalar = (): Tensor => own({ shape: [] });
const named = <T extends { readonly name: string }>(
  items: readonly T[],
  key: (item: T) => string,
  tensorOf: (item: T) => Tensor,
): Tensors => Object.fromEntries(items.map((item) => [key(item), tensorOf(item)]));

const load = (tensor: Tensor, from: Float32Array, { at }: Placed): void =>
  values(tensor).set(from.subarray(at, at + tensor.size));
const store = (tensor: Tensor, into: Float32Array, { at }: Placed): void => into.set(values(tensor), at);

const mine = job.params.filter(({ owner }) => owner === part);
const others = job.params.filter(({ owner }) => owner !== part);
const numbers = Array.from({ length: parts }, (_, i) => i);

// State in two sets, which change places after each step; parameters of others in one.
let state = named(job.state, ({ name }) => name, own);
let next = named(job.state, ({ name }) => name, own);
const foreign = named(others, ({ name }) => name, own);
const gradients = named(job.params, ({ name }) => `gradient/${name}`, own);
const gathered = Object.fromEntries(
  numbers.flatMap((from) =>
    mine.map(({ name, shape }) => [
      `${from}/gradient/${name}`,
      from === part ? gradients[`gradient/${name}`]! : own({ shape }),
    ]),
  ),
);
const sums = named(job.sums, ({ name }) => name, own);
const ofParts = (name: string): Tensors =>
  Object.fromEntries(numbers.map((from) => [`${from}/${name}`, scalar()]));
const [squaresOf, lossOf] = [ofParts('squares'), ofParts('loss')];
const [squares, partLoss, loss, gradNorm] = [scalar(), scalar(), scalar(), scalar()];

const open = (model: Uint8Array): Promise<InferenceSession> =>
  InferenceSession.create(model, sessionOptions('cpu', 1, true));
const [gradientSession, sumSession, updateSession] = await Promise.all([
  open(job.models.gradients),
  open(job.models.sum),
  open(job.models.update),
]);

/** The inputs of a step out of those of a call. */
function inputsOf(call: PartCall, step: number): Tensors {
  const divided = job.divided.map(({ name, shape, dtype }) => {
    const size = sizeOf(shape);
    const data = call.inputs[name]!.subarray(step * size, (step + 1) * size);
    return [name, new Tensor(dtype, data as Int32Array, shape)] as const;
  });
  return Object.fromEntries(divided);
}

function scalarsOf(call: PartCall, step: number): Tensors {
  const scalars = job.scalars.map((name) => {
    const data = Float32Array.of(call.inputs[name]![step]!);
    return [name, new Tensor('float32', data, [])] as const;
  });
  return Object.fromEntries(scalars);
}

async function makeStep(call: PartCall, step: number): Promise<void> {
  const params = {
    ...foreign,
    ...named(
      mine,
      ({ name }) => name,
      ({ name }) => state[name]!,
    ),
  };
  await gradientSession.run({ ...params, ...inputsOf(call, step) }, { ...gradients, loss: partLoss });
  for (const param of others) store(gradients[`gradient/${param.name}`]!, memory.gradients[part]!, param);
  memory.losses[part] = values(partLoss)[0]!;
  meet(meeting, parts);

  for (const from of numbers) {
    if (from === part) continue;
    for (const param of mine)
      load(gathered[`${from}/gradient/${param.name}`]!, memory.gradients[from]!, param);
  }
  await sumSession.run(gathered, { ...sums, squares });
  memory.squares[part] = values(squares)[0]!;
  meet(meeting, parts);

  for (const from of numbers) {
    values(squaresOf[`${from}/squares`]!)[0] = memory.squares[from]!;
    values(lossOf[`${from}/loss`]!)[0] = memory.losses[from]!;
  }
  const after = named(
    job.state,
    ({ name }) => `next/${name}`,
    ({ name }) => next[name]!,
  );
  await updateSession.run(
    { ...sums, ...squaresOf, ...lossOf, ...state, ...scalarsOf(call, step) },
    { ...after, loss, gradNorm },
  );
  [state, next] = [next, state];
  for (const param of mine) store(state[param.name]!, memory.params, param);
  meet(meeting, parts);
  for (const param of others) load(foreign[param.name]!, memory.params, param);
}

async function answer(call: PartCall): Promise<PartReply> {
  const metrics = { loss: new Float32Array(call.steps), gradNorm: new Float32Array(call.steps) };
  const before = memory.states[call.from];
  for (const placed of job.state) load(state[placed.name]!, before, placed);
  // Parameters are first in the state and lie there as they do among themselves.
  for (const param of others) load(foreign[param.name]!, before, param);
  for (let step = 0; step < call.steps; step++) {
    await makeStep(call, step);
    metrics.loss[step] = values(loss)[0]!;
    metrics.gradNorm[step] = values(gradNorm)[0]!;
  }
  for (const placed of job.state) store(state[placed.name]!, memory.states[1 - call.from]!, placed);
  return { kind: 'done', ...metrics };
}

const reply = (message: PartReply): void => parentPort!.postMessage(message);
parentPort!.on('message', (call: PartCall) => {
  answer(call).then(reply, (error: unknown) => {
    leave(meeting);
    const followed = error instanceof FollowedError;
    reply({ kind: 'failed', message: error instanceof Error ? error.message : String(error), followed });
  });
});
reply({ kind: 'ready' });
