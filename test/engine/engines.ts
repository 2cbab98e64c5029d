/** The engines that can be opened on this machine. Tests of the others are skipped, and say so. */
import { openEngine } from '../../src/engine/engines.js';
import { EngineError } from '../../src/engine/engineError.js';
import type { EngineName } from '../../src/engine/engineNames.js';
import type { Engine } from '../../src/engine/executable.js';

/** Null where the engine's own error says that it can't be had here; any other error is one. */
export async function engineOrNull(name: EngineName): Promise<Engine | null> {
  try {
    return await openEngine(name, { threads: 1 });
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    process.stderr.write(`skipped: ${error.message}\n`);
    return null;
  }
}
