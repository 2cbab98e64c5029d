/** What the server tells pages while runs are under way; types alone, which both sides share. */

export type StatusCounts = Readonly<
  Record<'planned' | 'running' | 'interrupted' | 'done' | 'diverged' | 'failed', number>
>;

export interface LiveSweep {
  readonly sweep: string;
  readonly title: string | null;
  readonly imported: boolean;
  readonly runs: number;
  readonly counts: StatusCounts;
  /** Training FLOPs of its runs: all of them, and those that are spent. */
  readonly flops: number;
  readonly flopsDone: number;
  /** Of the runs under way; 0 where there is none. */
  readonly tokensPerSecond: number;
  /** At the speed of the moment; null where nothing is under way. */
  readonly secondsLeft: number | null;
}

export interface LiveWorker {
  readonly host: string;
  readonly pid: number;
}

/** A run under way. */
export interface LiveRun {
  readonly runKey: string;
  /** All sweeps that list it. */
  readonly sweeps: readonly string[];
  readonly arch: string;
  readonly dModel: number;
  readonly nLayers: number;
  readonly budgetFlops: number;
  readonly seed: number;
  readonly step: number;
  readonly steps: number;
  readonly lossNats: number | null;
  readonly tokensPerSecond: number | null;
  readonly secondsLeft: number | null;
  /** Null between the end of a process and the moment when that is noticed. */
  readonly worker: LiveWorker | null;
}

export interface LiveState {
  readonly sweeps: readonly LiveSweep[];
  readonly runs: readonly LiveRun[];
}

/** A point of a learning curve: step, tokens, FLOPs, loss in nats (null where it was not finite). */
export type CurvePoint = readonly [step: number, tokens: number, flops: number, lossNats: number | null];

/** New points of runs, by run key. `whole` replaces what is known, else they follow it. */
export interface LiveCurves {
  readonly whole: boolean;
  readonly curves: Readonly<Record<string, readonly CurvePoint[]>>;
}
