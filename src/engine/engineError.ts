/** An engine that can't be used here as it was asked for, with what would make it usable. */
import { ENGINE_NAMES, ENGINES, type EngineName, type Precision } from './engineNames.js';

export class EngineError extends Error {
  override readonly name = 'EngineError';
}

/** @throws EngineError where the engine never computes in this precision */
export function requirePrecision(engine: EngineName, precision: Precision = 'f32'): void {
  if (ENGINES[engine].precisions.includes(precision)) return;
  const others = ENGINE_NAMES.filter((name) => ENGINES[name].precisions.includes(precision));
  throw new EngineError(
    `The engine ${engine} has no ${precision} products, only ${ENGINES[engine].precisions.join(' and ')}. ` +
      `Take another engine (--engine; ${others.join(', ')} have them), or precision: f32.`,
  );
}
