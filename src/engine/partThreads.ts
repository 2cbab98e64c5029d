/**
 * A training step divided among threads: each computes its part of the batch from the first operation to the last, and they
 * meet three times a step. Where operations are small, dividing each of them among threads costs what it saves.
 */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { EngineOptions, Executable, FunctionProgram, StepParts, StepProgram } from './executable.js';
import { MEETING_LENGTH, reopen } from './meeting.js';
import { encodeFunction } from './onnx/encode.js';
import { modelOf } from './ortSession.js';
import type { PartCall, PartJob, PartReply, Placed, PlacedParam, SharedMemory } from './partJob.js';
import {
  checkLength,
  hostArray,
  sizeOf,
  type HostArray,
  type HostTensors,
  type TensorSpec,
} from './tensors.js';
import { trace } from './trace/trace.js';

/** With more parameters products are large enough to fill the threads, and sums and copies of gradients cost what is saved. */
const MAX_PARAMS = 5e5;

/** Whether a step is run in parts, one a thread. */
export function isDivided(program: StepProgram, { threads }: Pick<EngineOptions, 'threads'>): boolean {
  const { parts } = program;
  if (parts === undefined || threads < 2 || !parts.divides(threads) || parts.shares.length < threads)
    return false;
  const params = new Set(parts.shares.flatMap((share) => share.params));
  const sizes = program.state.filter(({ name }) => params.has(name)).map(({ shape }) => sizeOf(shape));
  return sizes.reduce((sum, size) => sum + size, 0) <= MAX_PARAMS;
}

const shared = (length: number): Float32Array => new Float32Array(new SharedArrayBuffer(4 * length));

function placed(specs: readonly TensorSpec[]): { readonly all: Placed[]; readonly length: number } {
  let length = 0;
  const all = specs.map((spec) => {
    const at = length;
    length += sizeOf(spec.shape);
    return { ...spec, at };
  });
  return { all, length };
}

/** The shares of each thread, the largest dealt out first, each to who has least. */
function dealt({ shares }: StepParts, sizeOfParam: (name: string) => number, threads: number): number[][] {
  const sizes = shares.map(({ params }) => params.reduce((sum, name) => sum + sizeOfParam(name), 0));
  const hands = Array.from({ length: threads }, () => ({ size: 0, shares: [] as number[] }));
  for (const share of sizes.map((_, i) => i).sort((a, b) => sizes[b]! - sizes[a]!)) {
    const least = hands.reduce((a, b) => (b.size < a.size ? b : a));
    least.shares.push(share);
    least.size += sizes[share]!;
  }
  return hands.map((hand) => hand.shares.sort((a, b) => a - b));
}

async function encoded(program: FunctionProgram, options: EngineOptions): Promise<Uint8Array> {
  const graph = trace(program.fn, program.inputs, 'fused');
  return modelOf(graph, 'function', encodeFunction, 'cpu', { ...options, threads: 1 });
}

function startThread(job: PartJob): Worker {
  // Beside this file, compiled or not.
  const isSource = import.meta.url.endsWith('.ts');
  const url = new URL(`./partThread.${isSource ? 'ts' : 'js'}`, import.meta.url);
  const thread = new Worker(fileURLToPath(url), {
    workerData: job,
    ...(isSource ? { execArgv: ['--import', 'jiti/register'] } : {}),
  });
  // Whoever asks it next is told; an error nobody waits for must not end the process.
  thread.on('error', () => undefined);
  thread.unref();
  return thread;
}

/** The next reply of a thread. The process stays alive for it. */
async function replyOf(thread: Worker): Promise<PartReply> {
  thread.ref();
  return new Promise((resolve, reject) => {
    const done = (settle: () => void): void => {
      thread.off('message', onMessage).off('error', onError).off('exit', onExit);
      thread.unref();
      settle();
    };
    const onMessage = (reply: PartReply): void => done(() => resolve(reply));
    const onError = (error: unknown): void =>
      done(() => reject(error instanceof Error ? error : new Error(String(error))));
    const onExit = (): void => done(() => reject(new Error('a thread of the training step has ended')));
    thread.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}

class DividedExecutable implements Executable {
  private readonly program: StepProgram;
  private readonly parts: StepParts;
  private readonly threads: readonly Worker[];
  private readonly memory: SharedMemory;
  private readonly state: readonly Placed[];
  private current: 0 | 1 = 0;

  constructor(
    program: StepProgram,
    parts: StepParts,
    threads: readonly Worker[],
    memory: SharedMemory,
    state: readonly Placed[],
  ) {
    this.program = program;
    this.parts = parts;
    this.threads = threads;
    this.memory = memory;
    this.state = state;
  }

  setState(state: HostTensors): void {
    const values = this.state.map((spec) => checkLength(spec, state[spec.name], sizeOf(spec.shape)));
    this.state.forEach(({ at }, i) => this.memory.states[this.current].set(values[i]!, at));
  }

  async getState(): Promise<HostTensors> {
    const values = this.memory.states[this.current];
    return Promise.resolve(
      Object.fromEntries(
        this.state.map(({ name, shape, at }) => [
          name,
          Float32Array.from(values.subarray(at, at + sizeOf(shape))),
        ]),
      ),
    );
  }

  async run(stepCount: number, perStep: HostTensors): Promise<Record<string, Float32Array>> {
    const inputs = this.program.perStep.map((spec) => {
      const values = checkLength(spec, perStep[spec.name], stepCount * sizeOf(spec.shape));
      return { spec, values };
    });
    const replies = this.threads.map(async (thread, part) => {
      const ofPart = inputs.map(({ spec, values }) => [spec.name, this.inputOf(spec, values, part)] as const);
      const call: PartCall = { steps: stepCount, from: this.current, inputs: Object.fromEntries(ofPart) };
      thread.postMessage(call);
      return replyOf(thread);
    });
    const answers = await Promise.all(replies);
    const failures = answers.filter((answer) => answer.kind === 'failed');
    if (failures.length > 0) {
      reopen(this.memory.meeting);
      throw new Error((failures.find(({ followed }) => !followed) ?? failures[0]!).message);
    }
    const [first] = answers;
    if (first?.kind !== 'done') throw new Error('a thread of the training step answers out of turn');
    this.current = this.current === 0 ? 1 : 0;
    return { loss: first.loss, gradNorm: first.gradNorm };
  }

  /** What a thread gets of an input of a call. */
  private inputOf({ name, shape, dtype }: TensorSpec, values: HostArray, part: number): HostArray {
    if (!this.parts.divided.includes(name)) return values;
    const size = sizeOf(shape);
    const count = this.threads.length;
    const result = hostArray(dtype, values.length / count);
    for (let at = 0; at < values.length; at += size) {
      result.set(this.parts.partOf(values.subarray(at, at + size), part, count), at / count);
    }
    return result;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.threads.map(async (thread) => thread.terminate()));
  }
}

/** Compiles a step for which {@link isDivided} holds. */
export async function compileDivided(program: StepProgram, options: EngineOptions): Promise<Executable> {
  const parts = program.parts!;
  const count = options.threads;
  const { all: state, length } = placed(program.state);
  const specOf = new Map(state.map((spec) => [spec.name, spec]));
  const hands = dealt(parts, (name) => sizeOf(specOf.get(name)!.shape), count);
  const owners = new Map(
    hands.flatMap((shares, owner) =>
      shares.flatMap((i) => parts.shares[i]!.params.map((name) => [name, owner])),
    ),
  );
  const params = state.flatMap((spec): PlacedParam[] => {
    const owner = owners.get(spec.name);
    return owner === undefined ? [] : [{ ...spec, owner }];
  });
  const paramLength = params.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const memory: SharedMemory = {
    meeting: new Int32Array(new SharedArrayBuffer(4 * MEETING_LENGTH)),
    states: [shared(length), shared(length)],
    params: shared(paramLength),
    gradients: hands.map(() => shared(paramLength)),
    squares: shared(count),
    losses: shared(count),
  };
  const gradients = parts.gradients(count);
  const gradientModel = await encoded(gradients, options);
  const jobOf = async (shares: readonly number[], part: number): Promise<PartJob> => {
    const [sum, update] = [parts.sum(count, shares), parts.update(count, shares)];
    const stateNames = new Set(shares.flatMap((i) => parts.shares[i]!.state));
    return {
      part,
      parts: count,
      memory,
      params,
      state: state.filter(({ name }) => stateNames.has(name)),
      sums: update.inputs.filter(({ name }) => name.startsWith('sum/')),
      divided: gradients.inputs.filter(({ name }) => parts.divided.includes(name)),
      scalars: program.perStep.filter(({ name }) => !parts.divided.includes(name)).map(({ name }) => name),
      models: {
        gradients: gradientModel,
        sum: await encoded(sum, options),
        update: await encoded(update, options),
      },
    };
  };
  const jobs = await Promise.all(hands.map(jobOf));
  const threads = jobs.map(startThread);
  await Promise.all(threads.map(replyOf));
  return new DividedExecutable(program, parts, threads, memory, state);
}
