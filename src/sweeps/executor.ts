/** What the scheduler asks of whatever trains its runs: processes on this machine today, jobs of a cluster as well. */
import type { EngineName } from '../engine/engineNames.js';
import type { RunRecord } from '../store/record.js';

/** How a worker finds the text that it trains on. */
export interface CorpusRequest {
  readonly corpus: string;
  readonly vocabSize: number;
  /** Folder that relative paths in `corpus` start from. */
  readonly baseDir: string;
  /** SHA-256 of the training tokens that the plan was made with; another text by now is refused. */
  readonly trainSha256: string;
}

/** One run to be trained. Plain data: it crosses process borders as JSON. */
export interface RunTask {
  readonly runKey: string;
  /** What people call it, such as `primer-ez d32 8e11 seed 0`. */
  readonly label: string;
  /** run.json as it stands before the first step. */
  readonly record: RunRecord;
  readonly resultsDir: string;
  readonly corpus: CorpusRequest;
  /** Absolute paths of the variants that the sweep names, which a worker has to know before it can build their models. */
  readonly variantFiles: readonly string[];
  readonly engine: EngineName;
  readonly threads: number;
  readonly stepsPerCall: number;
  /** Seconds of training between two checkpoints; the trainer's own where undefined. */
  readonly checkpointSeconds?: number | undefined;
  /**
   * Run keys of the shorter runs of the same trunk, the longest first. This run goes on from where one of them leaves the
   * trunk, so it waits for the first of them while that is under way in the same sweep.
   */
  readonly trunkRuns: readonly string[];
}

export interface RunProgress {
  readonly stepsDone: number;
  readonly steps: number;
  /** Null where the loss was not finite. */
  readonly lossNats: number | null;
  readonly tokensPerSecond: number;
}

/** What became of an attempt at a run. */
export type TaskOutcome =
  /** It has its final record: `done` or `diverged`. */
  | { readonly kind: 'ended'; readonly record: RunRecord }
  /** It was told to stop, and its checkpoint is written as far as there was time for it. */
  | { readonly kind: 'stopped' }
  /** Another process is training it. */
  | { readonly kind: 'busy'; readonly reason: string }
  /** `environment`: the same would happen to every run (a full disk, a folder that can't be written to). */
  | { readonly kind: 'crashed'; readonly cause: string; readonly environment: boolean };

/**
 * Trains runs. An executor for a cluster or a job queue is one file that implements this: `run` submits a job and
 * settles when the job has; the run directory, not the job, says what became of the run.
 */
export interface Executor {
  /** Runs that may be under way at once. */
  readonly capacity: number;
  /** Seconds between two looks at a run that another process works on; 2 where not given. */
  readonly pollSeconds?: number;
  /** Trains a run, going on from its checkpoint if it has one. Never rejects. */
  run(
    task: RunTask,
    onProgress: (progress: RunProgress) => void,
    onNotice: (text: string) => void,
  ): Promise<TaskOutcome>;
  /** `afterCall`: finish the call of K steps, write checkpoints. `now`: drop everything. */
  stop(mode: 'afterCall' | 'now'): void;
  /** Gives up what it holds; nothing may be under way. */
  close(): Promise<void>;
}
