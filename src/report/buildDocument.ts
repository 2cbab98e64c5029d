/** From a study and its analysis to the report as a document, in the order in which a reader needs it. */
import { tuningChart } from './charts/tuning.js';
import type { ReportContext } from './context.js';
import { differenceGroups } from './differences.js';
import { chartBlock, type ReportDocument, type Section } from './document.js';
import { counted, formatFlops, formatPowerOfTen } from './format.js';
import { isTuningSweep } from './resolved.js';
import { rich, type Rich } from './rich.js';
import { importedSection, importFacts } from './imported.js';
import { answerSection } from './sections/answer.js';
import { evidenceSection } from './sections/evidence.js';
import { limitsSection } from './sections/limits.js';
import { headlineOf } from './text.js';
import { transferBlocks } from './transfer.js';
import { reproduceSection } from './sections/reproduce.js';

/** Builds the report: answer, evidence, tuning, limits, how to reproduce it. */
export function buildDocument(context: ReportContext): ReportDocument {
  const { sweep } = context.study;
  const tunes = isTuningSweep(context.study);
  const tuning = tunes ? [] : [...chartBlock(tuningChart(context)), ...transferBlocks(context)];
  const imported = importFacts(context.study);
  const sections: Section[] = [
    answerSection(context),
    evidenceSection(context),
    ...(tuning.length === 0 ? [] : [{ id: 'tuning', title: 'Learning-rate tuning', blocks: tuning }]),
    limitsSection(context),
    imported === null ? reproduceSection(context) : importedSection(context.study, imported),
  ];
  return {
    name: sweep.name,
    title: sweep.title ?? sweep.name,
    summary: summaryOf(context),
    sections,
  };
}

function summaryOf(context: ReportContext): Rich {
  const { study, analysis, corpus, archs } = context;
  const imported = importFacts(study) !== null;
  const finished = imported ? study.fitRows.length : study.runs.filter((run) => run.status === 'done').length;
  const budgets = [...new Set(analysis.cells.map((cell) => cell.budgetFlops))].sort((a, b) => a - b);
  const text = corpus?.name ?? study.runs[0]?.setup.corpus;
  const range =
    budgets.length < 2
      ? budgets.map((budget) => `, a budget of ${formatFlops(budget)}`).join('')
      : `, ${budgets.length} budgets from ${formatPowerOfTen(budgets[0]!)} to ${formatFlops(budgets.at(-1)!)}`;
  const isOfDifferences =
    context.comparisons.every((c) => headlineOf(c) === undefined) && differenceGroups(context).length > 0;
  const question = isTuningSweep(study)
    ? 'Which learning rate suits each architecture and size?'
    : isOfDifferences
      ? 'By how much does each change move the loss at equal compute?'
      : 'How much training compute does one architecture save over another at the same loss, when both have their best size?';
  return rich`${question} ${counted(finished, imported ? 'imported run' : 'finished run')} of ${counted(archs.length, 'architecture')}${range}${text === undefined ? '' : `, trained on ${text}`}.`;
}
