/**
 * The name under which an encoded model is kept: a hash of everything that decides it, so that no entry can be stale. The
 * traced graph stands for the model, the optimizer, the batch and the operations; the source of this folder for what is made
 * of the graph.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EngineOptions } from './executable.js';
import { hashGraph, type TraceGraph } from './trace/graph.js';

/** Hash of the engine's own files as they are when it is loaded; null where they can't be read: then nothing is kept. */
const SOURCE = sourceHash(fileURLToPath(new URL('.', import.meta.url)));

function sourceHash(folder: string): string | null {
  try {
    const hash = createHash('sha256');
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    for (const name of names.filter((path) => /(?<!\.d)\.[jt]s$/.test(path)).sort())
      hash.update(`${name}\n`).update(readFileSync(join(folder, name)));
    return hash.digest('hex');
  } catch {
    return null;
  }
}

/**
 * Key of the model that a graph becomes, 64 hex digits; null where none can be kept.
 *
 * @param form in which the graph is encoded and for what, with what is not in the graph of it
 */
export function modelKey(
  graph: TraceGraph,
  form: string,
  { threads, precision = 'f32' }: EngineOptions,
): string | null {
  if (SOURCE === null) return null;
  const names = (values: TraceGraph['inputs']): string[] => values.map(({ name }) => name);
  const parts = [
    SOURCE,
    hashGraph(graph),
    names(graph.inputs),
    names(graph.outputs),
    form,
    threads,
    precision,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
