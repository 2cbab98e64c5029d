/** The report as a list of blocks, rendered to HTML and to Markdown: both say the same. */
import type { Chart } from './charts/chart.js';
import type { Rich } from './rich.js';
import type { Table } from './table.js';

/** One comparison's answer, or a control's: the factor (or a word) for a glance, and the sentence. */
export interface Answer {
  readonly factor: string;
  /** Set lightly: `undecided` where the two are not told apart or there is no interval, `control` for a control. */
  readonly tone: 'decided' | 'undecided' | 'control';
  readonly sentence: Rich;
  /** The same speedup in other costs; null where none adds anything. */
  readonly further: string | null;
}

export type Block =
  | { readonly kind: 'prose'; readonly text: Rich; readonly muted?: true }
  /** The sentences that answer the question, set larger. */
  | { readonly kind: 'answers'; readonly answers: readonly Answer[] }
  | { readonly kind: 'heading'; readonly text: string }
  /** With a summary it is folded below that. */
  | { readonly kind: 'list'; readonly items: readonly Rich[]; readonly summary?: string }
  | { readonly kind: 'chart'; readonly chart: Chart }
  /** A table of its own; `file` names its CSV. */
  | { readonly kind: 'table'; readonly table: Table; readonly file: string; readonly collapsed: boolean }
  | { readonly kind: 'facts'; readonly facts: readonly (readonly [string, Rich])[] }
  /** With `file` it is also a file of the data, which Markdown links to instead of repeating it. */
  | {
      readonly kind: 'code';
      readonly summary: string;
      readonly language: string;
      readonly text: string;
      readonly file?: string;
    };

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly blocks: readonly Block[];
}

export interface ReportDocument {
  /** Name of the sweep. */
  readonly name: string;
  readonly title: string;
  /** What was done, in one line. */
  readonly summary: Rich;
  /** The first one holds the answer and has no visible heading. */
  readonly sections: readonly Section[];
}

/** All charts of a report, in its order. */
export function chartsOf(document: ReportDocument): Chart[] {
  return document.sections.flatMap((section) =>
    section.blocks.flatMap((block) => (block.kind === 'chart' ? [block.chart] : [])),
  );
}

/** A block for a chart that may not exist. */
export function chartBlock(chart: Chart | null): Block[] {
  return chart === null ? [] : [{ kind: 'chart', chart }];
}
