/** POST /api/sample: text that a run's model writes. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { z } from 'zod';
import { HttpError, sendJson } from '../respond.js';
import { readBody } from './body.js';
import { readRun } from '../runDetail.js';
import type { Sampler } from '../samples/sampler.js';
import type { ServedIndex } from '../servedIndex.js';

const bodySchema = z.object({
  runKey: z.string(),
  prompt: z.string().max(20_000).default(''),
  temperature: z.number().min(0).max(10).default(1),
  seed: z.number().int().nonnegative().default(0),
});

/** @throws HttpError where the request is not of a page of this server or not understood, or the run can't write */
export async function answerSample(
  place: { readonly resultsDir: string; readonly index: ServedIndex; readonly sampler: Sampler },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { runKey, ...rest } = await readBody(request, bodySchema);
  const run = readRun(place.index, runKey);
  if (run === null) throw new HttpError(404, `There is no run ${runKey}.`);
  const directory = join(place.resultsDir, run.directory);
  sendJson(response, await place.sampler.ask({ directory, sweeps: run.sweeps, ...rest }));
}
