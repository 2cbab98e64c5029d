/** When a run counts as diverged (docs/numbers.md, "Runs"). The answer depends on the losses alone, never on steps a call. */

const WINDOW = 50;
const NATS_ABOVE_START = 1;

export interface DivergenceWatch {
  /** Takes the loss of the next step; says why the run has diverged, or null where it has not. */
  observe(step: number, lossNats: number): string | null;
}

/** NaN or infinity, or a mean over 50 steps more than 1 nat above the first loss. */
export function watchDivergence(): DivergenceWatch {
  const recent: number[] = [];
  let first: number | null = null;
  return {
    observe(step, lossNats) {
      if (!Number.isFinite(lossNats)) return `the loss was ${lossNats} at step ${step}`;
      first ??= lossNats;
      recent.push(lossNats);
      if (recent.length > WINDOW) recent.shift();
      const mean = recent.reduce((sum, loss) => sum + loss, 0) / recent.length;
      if (recent.length < WINDOW || mean <= first + NATS_ABOVE_START) return null;
      return `the mean loss of the ${WINDOW} steps up to ${step} was ${mean.toFixed(3)} nats, over 1 above the first loss of ${first.toFixed(3)}`;
    },
  };
}
