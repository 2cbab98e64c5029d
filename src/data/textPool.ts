/** Tasks on texts, spread over the machine's cores where there is enough to do. */
import { availableParallelism } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type TextAnswer, type TextTask, textTasks } from './textTasks.js';

/** Less text than this is done sooner than a thread has started. */
const BYTES_FOR_THREADS = 24 * 2 ** 20;

/** More threads than this wait for the one that hands out work and writes. */
const MAX_THREADS = 16;

export interface TextPool {
  /** Tasks that are worth handing out at the same time. */
  readonly width: number;
  /** Does a task wherever there is room for it. */
  do(task: TextTask): Promise<TextAnswer>;
  /** Has the same task done by all. */
  doByAll(task: TextTask): Promise<readonly TextAnswer[]>;
  close(): Promise<void>;
}

/** @param path file of the texts, of `bytes` bytes */
export function textPool(path: string, bytes: number): TextPool {
  const threads = Math.min(availableParallelism(), MAX_THREADS);
  return threads < 2 || bytes < BYTES_FOR_THREADS ? ownThread(path) : threadPool(path, threads);
}

function ownThread(path: string): TextPool {
  const tasks = textTasks(path);
  const doOne = async (task: TextTask): Promise<TextAnswer> => {
    await nextTurn();
    return tasks.do(task);
  };
  return {
    width: 1,
    do: doOne,
    doByAll: async (task) => [await doOne(task)],
    close: async () => {
      tasks.close();
      return Promise.resolve();
    },
  };
}

function threadPool(path: string, count: number): TextPool {
  const threads = Array.from({ length: count }, () => startThread(path));
  const idle = [...threads];
  const waiting: ((thread: Worker) => void)[] = [];
  const take = async (): Promise<Worker> =>
    idle.pop() ?? new Promise<Worker>((resolve) => waiting.push(resolve));
  const giveBack = (thread: Worker): void => {
    const next = waiting.shift();
    if (next === undefined) idle.push(thread);
    else next(thread);
  };
  return {
    width: 2 * count,
    async do(task) {
      const thread = await take();
      try {
        return await ask(thread, task);
      } finally {
        giveBack(thread);
      }
    },
    doByAll: async (task) => Promise.all(threads.map(async (thread) => ask(thread, task))),
    close: async () => {
      await Promise.all(threads.map(async (thread) => thread.terminate()));
    },
  };
}

function startThread(path: string): Worker {
  // Beside this file, compiled or not.
  const isSource = import.meta.url.endsWith('.ts');
  const url = new URL(`./textThread.${isSource ? 'ts' : 'js'}`, import.meta.url);
  const thread = new Worker(fileURLToPath(url), {
    workerData: path,
    ...(isSource ? { execArgv: ['--import', 'jiti/register'] } : {}),
  });
  // Whoever asks it next is told; an error nobody waits for must not end the process.
  thread.on('error', () => undefined);
  return thread;
}

async function ask(thread: Worker, task: TextTask): Promise<TextAnswer> {
  return new Promise((resolve, reject) => {
    const done = (settle: () => void): void => {
      thread.off('message', onMessage).off('error', onError).off('exit', onExit);
      settle();
    };
    const onMessage = (answer: TextAnswer): void => done(() => resolve(answer));
    const onError = (error: unknown): void =>
      done(() => reject(error instanceof Error ? error : new Error(String(error))));
    const onExit = (): void => done(() => reject(new Error('a thread that prepares the corpus has ended')));
    thread.on('message', onMessage).on('error', onError).on('exit', onExit);
    thread.postMessage(task);
  });
}
