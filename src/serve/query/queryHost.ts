/**
 * Questions in SQL with a time limit. They run in processes of their own: a thread can't be stopped while SQLite is at
 * work in it, a process can.
 */
import type { ChildProcess } from 'node:child_process';
import { startScript } from '../childScript.js';
import { HttpError } from '../respond.js';
import type { QueryReply, QueryRequest } from './messages.js';

export interface QueryHost {
  /**
   * Answers a question.
   *
   * @throws HttpError 400 where it is wrong or took too long, 503 where too many are being answered
   */
  ask(request: QueryRequest): Promise<Extract<QueryReply, { kind: 'answer' }>>;
  close(): void;
}

export interface QueryHostOptions {
  /** File of the index. */
  readonly path: string;
  readonly limitSeconds: number;
  /** Differs whenever the file has been made again, which a process that has it open does not see. */
  readonly generation: () => number;
  /** Questions at the same time. */
  readonly capacity?: number;
}

/** Seconds that a process may take to start, which are not the question's. */
const START_SECONDS = 60;

/** Starts answering; a process is made when it is needed, and one is kept for the next question. */
export function queryHost({ path, limitSeconds, generation, capacity = 4 }: QueryHostOptions): QueryHost {
  const busy = new Set<ChildProcess>();
  let spare: ChildProcess | null = null;
  const startedAt = new WeakMap<ChildProcess, number>();
  const script = new URL('./queryProcess.js', import.meta.url);

  /** A process for one question: the spare one, which is ready, or a new one, which says so. */
  const take = (): { child: ChildProcess; ready: boolean } => {
    if (spare !== null && startedAt.get(spare) !== generation()) {
      spare.kill('SIGKILL');
      spare = null;
    }
    const ready = spare !== null;
    const child = spare ?? startScript(script, [path]);
    if (!ready) startedAt.set(child, generation());
    spare = null;
    busy.add(child);
    return { child, ready };
  };

  const answer = (
    { child, ready }: ReturnType<typeof take>,
    request: QueryRequest,
    resolve: (answer: Extract<QueryReply, { kind: 'answer' }>) => void,
    reject: (error: HttpError) => void,
  ): void => {
    const finish = (keep: boolean): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      busy.delete(child);
      if (!keep || spare !== null) {
        child.kill('SIGKILL');
        return;
      }
      spare = child;
      child.once('exit', () => {
        if (spare === child) spare = null;
      });
    };
    const fail = (status: number, message: string): void => {
      finish(false);
      reject(new HttpError(status, message));
    };
    let sent = false;
    const send = (): void => {
      sent = true;
      clearTimeout(timer);
      timer = setTimeout(() => {
        const remedy = 'Ask for less: one sweep, fewer steps, or a LIMIT.';
        fail(400, `The query took longer than ${limitSeconds} s and was stopped. ${remedy}`);
      }, limitSeconds * 1000);
      child.send(request);
    };
    let timer = setTimeout(() => fail(500, 'The query process did not start.'), START_SECONDS * 1000);
    child.on('message', (message) => {
      const reply = message as QueryReply;
      switch (reply.kind) {
        case 'ready':
          send();
          return;
        case 'answer':
          finish(true);
          resolve(reply);
          return;
        case 'wrong':
        case 'fault':
          finish(true);
          reject(new HttpError(reply.kind === 'wrong' ? 400 : 500, reply.message));
          return;
        default:
          reply satisfies never;
      }
    });
    child.once('exit', (code, signal) => {
      const how = signal ?? `code ${code ?? 0}`;
      if (sent) fail(400, `The query ended its process (${how}): most likely its answer is too large.`);
      else fail(500, `The query process did not start (${how}).`);
    });
    child.once('error', (error) => fail(500, `The query could not be run: ${error.message}`));
    if (ready) send();
  };

  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (busy.size >= capacity)
          reject(new HttpError(503, 'Too many questions at once; ask again in a moment.'));
        else answer(take(), request, resolve, reject);
      }),
    close: () => {
      for (const child of [...busy, ...(spare === null ? [] : [spare])]) {
        child.removeAllListeners();
        child.kill('SIGKILL');
      }
    },
  };
}
