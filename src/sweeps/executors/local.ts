/** Trains runs in worker processes on this machine: a pool, one run at a time each, a new process for one that died. */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { boundTo } from '../../engine/cudaDevices.js';
import type { Executor, RunProgress, RunTask, TaskOutcome } from '../executor.js';
import type { FromWorker, ToWorker } from '../messages.js';
import { NO_MEMORY, OUT_OF_MEMORY } from '../workerLoop.js';

/** Bytes kept of what a worker writes to standard error, to name the cause when it dies. */
const STDERR_KEPT = 4000;

export interface LocalExecutorOptions {
  readonly workers: number;
  /** GPUs that the workers are bound to, each to the one that has fewest of them. */
  readonly devices?: readonly string[];
  /** The worker's script; the project's own where not given. */
  readonly script?: string;
  /** Options of Node for the workers. */
  readonly execArgv?: readonly string[];
}

interface PoolWorker {
  readonly child: ChildProcess;
  readonly device: string | null;
  ready: boolean;
  stderr: string;
  /** Of the whole system, when it was started. */
  readonly oomKillsBefore: number;
  attempt: {
    settle: (outcome: TaskOutcome) => void;
    onProgress: (progress: RunProgress) => void;
    onNotice: (text: string) => void;
  } | null;
}

/** A pool of worker processes. */
export function localExecutor(options: LocalExecutorOptions): Executor {
  const script = options.script ?? fileURLToPath(new URL('../worker.js', import.meta.url));
  const pool = new Set<PoolWorker>();
  let stopped: 'afterCall' | 'now' | null = null;

  const discard = (worker: PoolWorker): void => {
    pool.delete(worker);
    worker.child.kill('SIGKILL');
  };

  const workersOn = (device: string): number => [...pool].filter((worker) => worker.device === device).length;
  const freestDevice = (): string | null =>
    [...(options.devices ?? [])].sort((a, b) => workersOn(a) - workersOn(b))[0] ?? null;

  const start = (): PoolWorker => {
    const device = freestDevice();
    const child = fork(script, [], {
      ...(device === null ? {} : { env: { ...process.env, ...boundTo(device) } }),
      execArgv: [...(options.execArgv ?? process.execArgv)],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const worker: PoolWorker = {
      child,
      device,
      ready: false,
      stderr: '',
      oomKillsBefore: oomKills(),
      attempt: null,
    };
    pool.add(worker);
    child.stderr?.on('data', (chunk: Buffer) => {
      worker.stderr = (worker.stderr + chunk.toString('utf8')).slice(-STDERR_KEPT);
      if (process.env['ISOLOSS_DEBUG']) process.stderr.write(chunk);
    });
    const died = (cause: string, environment: boolean): void => {
      if (!pool.delete(worker)) return;
      worker.attempt?.settle(
        stopped === 'now' ? { kind: 'stopped' } : { kind: 'crashed', cause, environment },
      );
    };
    child.on('error', (error) => died(`a worker process could not be started: ${error.message}`, true));
    // One that ends by itself before it is ready would do so for every run.
    child.on('exit', (code, signal) =>
      died(
        exitCause(code, signal, worker, oomKills() > worker.oomKillsBefore),
        !worker.ready && signal === null,
      ),
    );
    child.on('message', (message) => receive(worker, message as FromWorker, discard));
    return worker;
  };

  return {
    capacity: options.workers,
    run: (task: RunTask, onProgress, onNotice) =>
      new Promise<TaskOutcome>((resolve) => {
        if (stopped !== null) {
          resolve({ kind: 'stopped' });
          return;
        }
        const worker = [...pool].find((candidate) => candidate.attempt === null) ?? start();
        const settle = (outcome: TaskOutcome): void => {
          worker.attempt = null;
          resolve(outcome);
        };
        worker.attempt = { settle, onProgress, onNotice };
        tell(worker, { kind: 'run', task });
      }),
    stop: (mode) => {
      stopped = mode;
      for (const worker of pool) {
        if (mode === 'now') worker.child.kill('SIGKILL');
        else tell(worker, { kind: 'stop' });
      }
    },
    // Everything a worker has finished is on disk, so there is nothing for it to tidy up.
    close: async () => {
      await Promise.all(
        [...pool].map(
          ({ child }) =>
            new Promise<void>((resolve) => {
              child.once('exit', () => resolve());
              child.kill('SIGKILL');
            }),
        ),
      );
    },
  };
}

/** Sends a message; a worker that is gone by now reports that itself, by its exit. */
function tell(worker: PoolWorker, message: ToWorker): void {
  if (worker.child.connected) worker.child.send(message, () => undefined);
}

function receive(worker: PoolWorker, message: FromWorker, discard: (worker: PoolWorker) => void): void {
  switch (message.kind) {
    case 'ready':
      worker.ready = true;
      return;
    case 'progress':
      worker.attempt?.onProgress(message.progress);
      return;
    case 'notice':
      worker.attempt?.onNotice(message.text);
      return;
    case 'error': {
      if (process.env['ISOLOSS_DEBUG']) process.stderr.write(`${message.stack ?? message.message}\n`);
      worker.attempt?.settle({ kind: 'crashed', cause: message.message, environment: message.environment });
      // What made one run fail (no memory left, say) may still be there: the next one gets a fresh process.
      discard(worker);
      return;
    }
    case 'ended':
    case 'stopped':
    case 'busy':
      worker.attempt?.settle(message);
      return;
    default:
      message satisfies never;
  }
}

/** Why a worker process is gone, in a sentence. */
function exitCause(
  code: number | null,
  signal: string | null,
  worker: PoolWorker,
  oomKilled: boolean,
): string {
  if (worker.stderr.includes('heap out of memory')) {
    return 'the worker process ran out of JavaScript memory; NODE_OPTIONS=--max-old-space-size=MEGABYTES gives it more';
  }
  if (OUT_OF_MEMORY.test(worker.stderr)) {
    return NO_MEMORY;
  }
  if (signal === 'SIGKILL') {
    const why = oomKilled
      ? 'by the kernel, since memory ran out'
      : 'with SIGKILL, most likely since memory ran out';
    return `the worker process was killed ${why}; fewer workers (--workers) need less`;
  }
  const said = worker.stderr.trim().split('\n').at(-1) ?? '';
  const last = said === '' ? '' : `; it last said: ${said}`;
  if (signal !== null) return `the worker process was ended by ${signal}${last}`;
  return `the worker process ended with code ${code ?? 0}${last}`;
}

/** Processes that the kernel has killed for lack of memory, whoever's; 0 where the system doesn't tell. */
function oomKills(): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
