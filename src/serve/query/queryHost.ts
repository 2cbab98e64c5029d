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
  /** Questions at the same time. */
  readonly capacity?: number;
}

/** Starts answering; a process is made when it is needed, and one is kept for the next question. */
export function queryHost({ path, limitSeconds, capacity = 4 }: QueryHostOptions): QueryHost {
  const busy = new Set<ChildProcess>();
  let spare: ChildProcess | null = null;
  const script = new URL('./queryProcess.js', import.meta.url);

  const take = (): ChildProcess => {
    const child = spare ?? startScript(script, [path]);
    spare = null;
    busy.add(child);
    return child;
  };

  return {
    ask: (request) => {
      if (busy.size >= capacity) {
        return Promise.reject(new HttpError(503, 'Too many questions at once; ask again in a moment.'));
      }
      const child = take();
      return new Promise((resolve, reject) => {
        const finish = (keep: boolean): void => {
          clearTimeout(timer);
          child.removeAllListeners();
          busy.delete(child);
          if (keep && spare === null) spare = child;
          else child.kill('SIGKILL');
        };
        const timer = setTimeout(() => {
          finish(false);
          const remedy = 'Ask for less: one sweep, fewer steps, or a LIMIT.';
          reject(
            new HttpError(400, `The query took longer than ${limitSeconds} s and was stopped. ${remedy}`),
          );
        }, limitSeconds * 1000);
        child.once('message', (message) => {
          const reply = message as QueryReply;
          finish(true);
          if (reply.kind === 'answer') resolve(reply);
          else reject(new HttpError(reply.kind === 'wrong' ? 400 : 500, reply.message));
        });
        child.once('exit', (code, signal) => {
          finish(false);
          const how = signal ?? `code ${code ?? 0}`;
          reject(
            new HttpError(400, `The query ended its process (${how}): most likely its answer is too large.`),
          );
        });
        child.once('error', (error) => {
          finish(false);
          reject(new HttpError(500, `The query could not be run: ${error.message}`));
        });
        child.send(request);
      });
    },
    close: () => {
      for (const child of [...busy, ...(spare === null ? [] : [spare])]) {
        child.removeAllListeners();
        child.kill('SIGKILL');
      }
    },
  };
}
