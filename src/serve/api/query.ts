/** POST /api/query: a question in SQL, answered as JSON for the page or as CSV to be saved. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { renderTable } from '../../store/tableText.js';
import type { QueryHost } from '../query/queryHost.js';
import { HttpError, sendJson, sendText } from '../respond.js';
import type { ServedIndex } from '../servedIndex.js';
import { readBody } from './body.js';

/** Rows that a page shows. */
export const MAX_ROWS = 2000;
/** Rows that a saved file can have. */
const MAX_SAVED_ROWS = 1_000_000;

const bodySchema = z.object({
  question: z.string().min(1),
  sweep: z.string().nullable().default(null),
  format: z.enum(['json', 'csv']).default('json'),
});

/** @throws HttpError where the request is not of a page of this server, is not understood, or the question is wrong */
export async function answerQuery(
  { queries, index }: { readonly queries: QueryHost; readonly index: ServedIndex },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { question, sweep, format } = await readBody(request, bodySchema);
  // Its process only reads: what has changed in the results is taken in here.
  index.db();
  const maxRows = format === 'json' ? MAX_ROWS : MAX_SAVED_ROWS;
  const { columns, rows, truncated } = await queries.ask({ question, sweep, maxRows });
  if (format === 'json') sendJson(response, { columns, rows, truncated });
  else if (truncated)
    throw new HttpError(400, `The answer has more than ${MAX_SAVED_ROWS} rows: use isoloss query.`);
  else sendText(response, renderTable({ columns, rows }, 'csv'), 'text/csv');
}
