/** What the server and its query processes say to each other, and what the query page gets. */
import type { CellValue } from '../../store/tableText.js';

export interface QueryRequest {
  readonly question: string;
  readonly sweep: string | null;
  readonly maxRows: number;
}

/** An answer, or what is wrong with the question; `fault` is an error that is not the asker's. */
export type QueryReply =
  | {
      readonly kind: 'answer';
      readonly columns: readonly string[];
      readonly rows: readonly (readonly CellValue[])[];
      readonly truncated: boolean;
    }
  | { readonly kind: 'wrong'; readonly message: string }
  | { readonly kind: 'fault'; readonly message: string };
