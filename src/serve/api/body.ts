/** What a page of this server posts, checked. */
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { isFromHere } from '../access.js';
import { HttpError, readJsonBody } from '../respond.js';

/** @throws HttpError where the request is not of a page of this server, or its body not of the schema */
export async function readBody<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  if (!isFromHere(request)) throw new HttpError(403, 'Only the pages of this server may ask.');
  const parsed = schema.safeParse(await readJsonBody(request));
  if (!parsed.success) throw new HttpError(400, z.prettifyError(parsed.error));
  return parsed.data;
}
