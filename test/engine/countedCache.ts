/** A cache of compiled models that counts what it had, and what it was given. */
import type { ModelCache } from '../../src/engine/executable.js';

export function counted(cache: ModelCache): ModelCache & { hits: number; saves: number } {
  const seen = {
    ...cache,
    hits: 0,
    saves: 0,
    load: (key: string) => {
      const bytes = cache.load(key);
      if (bytes !== null) seen.hits++;
      return bytes;
    },
    save: (key: string, bytes: Uint8Array) => {
      seen.saves++;
      cache.save(key, bytes);
    },
  };
  return seen;
}
