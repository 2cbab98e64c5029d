/** What sweeps that are set side by side have in common, and what keeps their losses apart. */
import type { ReportContext } from '../context.js';
import { formatCount, formatPowerOfTen } from '../format.js';

export interface SweepSettings {
  readonly sweep: string;
  readonly text: string;
  /** Of the text, of tokenizer and windows: losses are comparable only where all of it is the same. */
  readonly lossKey: string;
  readonly vocabSize: string;
  readonly contextLength: string;
  readonly tokensPerStep: string;
  readonly budgets: string;
  readonly runs: string;
  readonly seedNoise: string;
}

export function settingsOf({ study, corpus, analysis }: ReportContext): SweepSettings {
  const { runs } = study;
  const distinct = (values: readonly (string | number)[]): string =>
    [...new Set(values.map(String))].join(', ');
  const budgets = analysis.cells.map((cell) => cell.budgetFlops);
  // The token streams that a run reads are part of its key; the text's own hash stands in for records without them.
  const streams = runs.map((run) =>
    JSON.stringify(run.keyParts['streams'] ?? corpus?.contentSha256 ?? run.setup.corpus),
  );
  const vocabSize = distinct(runs.map((run) => run.setup.model.vocabSize));
  const contextLength = distinct(runs.map((run) => run.setup.model.contextLength));
  return {
    sweep: study.sweep.name,
    text: corpus?.name ?? distinct(runs.map((run) => run.setup.corpus)),
    lossKey: JSON.stringify([
      distinct(streams),
      vocabSize,
      contextLength,
      distinct(runs.map((run) => run.setup.evalTokens)),
    ]),
    vocabSize,
    contextLength,
    tokensPerStep: distinct(runs.map((run) => formatCount(run.tokensPerStep))),
    budgets:
      budgets.length === 0
        ? 'none'
        : `${formatPowerOfTen(Math.min(...budgets), 2)} to ${formatPowerOfTen(Math.max(...budgets), 2)}`,
    runs: formatCount(study.fitRows.filter((row) => row.status === 'done').length),
    seedNoise: analysis.seedNoise === null ? 'unknown' : analysis.seedNoise.standardDeviation.toFixed(4),
  };
}
