/** The process that opens and tries one engine, so that a library that crashes takes nothing else with it. */
import { ENGINES, type EngineName, type Precision } from '../../engine/engineNames.js';
import { EngineError } from '../../engine/engineError.js';
import { openEngine } from '../../engine/engines.js';
import type { EngineInfo } from '../../engine/executable.js';
import { shortTraining } from './shortTraining.js';

/** What it says, in this order: that there is none here, or that it is open, and then the losses of each precision. */
export type FromCheck =
  | { readonly kind: 'unavailable'; readonly reason: string }
  | { readonly kind: 'opened'; readonly info: EngineInfo }
  | { readonly kind: 'losses'; readonly precision: Precision; readonly losses: readonly number[] }
  /** The device has not got this precision. */
  | { readonly kind: 'refused'; readonly precision: Precision; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

const say = async (message: FromCheck): Promise<void> =>
  new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, () => resolve());
  });

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function check(name: EngineName): Promise<void> {
  const engine = await openEngine(name, { threads: 1 });
  await say({ kind: 'opened', info: engine.info });
  for (const precision of ENGINES[name].precisions) {
    try {
      await say({ kind: 'losses', precision, losses: await shortTraining(engine, precision) });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      await say({ kind: 'refused', precision, reason: error.message });
    }
  }
}

process.on('disconnect', () => process.exit(0));
await check(process.argv[2] as EngineName).catch(async (error: unknown) =>
  say({ kind: error instanceof EngineError ? 'unavailable' : 'failed', reason: reasonOf(error) }),
);
// Libraries of GPUs keep threads that would hold the process.
process.exit(0);
