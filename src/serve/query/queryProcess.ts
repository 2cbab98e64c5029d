/** Entry of a query process: opens the index so that it can only be read, and answers one question after another. */
import { answerFrom } from '../../store/query.js';
import { Sqlite } from '../../store/sqlite.js';
import { UsageError } from '../../store/errors.js';
import type { QueryReply, QueryRequest } from './messages.js';

const path = process.argv[2] ?? '';
const db = new Sqlite(path, { readonly: true });
db.pragma('query_only = ON');

function replyTo({ question, sweep, maxRows }: QueryRequest): QueryReply {
  try {
    const { table, truncated } = answerFrom(db, question, { sweep }, maxRows);
    return { kind: 'answer', columns: table.columns, rows: table.rows, truncated };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return error instanceof UsageError ? { kind: 'wrong', message } : { kind: 'fault', message };
  }
}

process.on('message', (request) => {
  process.send?.(replyTo(request as QueryRequest));
});
process.send?.({ kind: 'ready' } satisfies QueryReply);
process.on('disconnect', () => process.exit());
