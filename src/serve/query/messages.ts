/** What the server and its query processes say to each other, and what the query page gets. */
import type { CellValue } from '../../store/tableText.js';

export interface QueryRequest {
  readonly question: string;
  readonly sweep: string | null;
  readonly maxRows: number;
}

/** That the process can be asked; then an answer, or what is wrong with the question (`fault`: not the asker's error). */
export type QueryReply =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'answer';
      readonly columns: readonly string[];
      readonly rows: readonly (readonly CellValue[])[];
      readonly truncated: boolean;
    }
  | { readonly kind: 'wrong'; readonly message: string }
  | { readonly kind: 'fault'; readonly message: string };
