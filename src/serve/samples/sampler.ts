/** Asks a trained model for text, in a process of its own: it compiles, computes, and takes memory of its size. */
import type { ChildProcess } from 'node:child_process';
import { startScript } from '../childScript.js';
import { HttpError } from '../respond.js';
import type { SampleReply, SampleRequest } from './messages.js';

const LIMIT_SECONDS = 60;

export interface Sampler {
  /**
   * Texts of a run's model.
   *
   * @throws HttpError 400 where the run can't write, 503 where another one is writing
   */
  ask(request: SampleRequest): Promise<Extract<SampleReply, { kind: 'texts' }>>;
  close(): void;
}

/** One at a time: a server beside running sweeps must not take their processors. */
export function startSampler(): Sampler {
  let current: ChildProcess | null = null;
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (current !== null) {
          reject(new HttpError(503, 'Another model is writing at the moment; ask again when it is done.'));
          return;
        }
        const child = startScript(new URL('./sampleProcess.js', import.meta.url), []);
        current = child;
        let late = false;
        const timer = setTimeout(() => {
          late = true;
          child.kill('SIGKILL');
        }, LIMIT_SECONDS * 1000);
        child.once('message', (message) => {
          const reply = message as SampleReply;
          if (reply.kind === 'texts') resolve(reply);
          else reject(new HttpError(400, reply.message));
        });
        child.once('error', (error) => {
          clearTimeout(timer);
          // Where it could not be started there is no end of it to wait for.
          if (current === child && child.pid === undefined) current = null;
          reject(new HttpError(500, `The model did not write: ${error.message}`));
        });
        child.once('exit', (code, signal) => {
          clearTimeout(timer);
          current = null;
          // Settled already, unless it ended before it answered.
          const how = late
            ? `took longer than ${LIMIT_SECONDS} s`
            : `ended (${signal ?? `code ${code ?? 0}`})`;
          reject(new HttpError(400, `The model did not write: its process ${how}.`));
        });
        child.send(request);
      }),
    close: () => {
      current?.kill('SIGKILL');
    },
  };
}
