/** What a runner and its worker processes say to each other. */
import type { RunRecord } from '../store/record.js';
import type { RunProgress, RunTask } from './executor.js';

export type ToWorker =
  | { readonly kind: 'run'; readonly task: RunTask }
  /** Stop after the current call of K steps, with a checkpoint. */
  | { readonly kind: 'stop' };

export type FromWorker =
  /** The worker is loaded and waits for a run. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly progress: RunProgress }
  /** What does not stop the run but should be known, such as a damaged checkpoint. */
  | { readonly kind: 'notice'; readonly text: string }
  | { readonly kind: 'ended'; readonly record: RunRecord }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'busy'; readonly reason: string }
  /** `environment`: the same would happen to every run. */
  | {
      readonly kind: 'error';
      readonly message: string;
      readonly environment: boolean;
      readonly stack: string | null;
    };
