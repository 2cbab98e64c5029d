/** What can't be concluded: every reason for caution that the fits and the store know of, as plain sentences. */
import type { ReportContext } from '../context.js';
import type { Block, Section } from '../document.js';
import { counted, formatFactor, formatNumber, formatPercent, formatPowerOfTen } from '../format.js';
import { rich, strong, type Rich } from '../rich.js';
import { headlineOf } from '../text.js';
import { transferLimits } from '../transfer.js';

const ROUGH_SPENDING = 0.01;
/** More notices of the sweep itself are folded. */
const MOST_NOTICES = 6;

export function limitsSection(context: ReportContext): Section {
  const { analysis, study } = context;
  const items: Rich[] = [
    ...scopeOfStudy(context),
    ...transferLimits(context),
    ...unfinished(context),
    ...analysis.warnings.map((warning) => rich`${typeset(warning)}`),
    ...power(context),
    ...offBudget(context),
    ...epochs(context),
    ...study.problems.map((problem) => rich`${problem}`),
  ];
  const notices = context.notices.map((notice) => rich`${typeset(notice)}`);
  const fold = notices.length > MOST_NOTICES;
  const blocks: Block[] = [
    { kind: 'list', items: fold ? items : [...items, ...notices] },
    ...(fold
      ? [
          {
            kind: 'list',
            items: notices,
            summary: `${notices.length} notes on how the sweep was made up`,
          } as const,
        ]
      : []),
  ];
  return { id: 'limits', title: 'What can\u2019t be concluded', blocks };
}

/** Powers of ten and signs as the report writes them, in sentences that the command line prints as well. */
function typeset(sentence: string): string {
  return sentence
    .replaceAll(/\b\d(?:\.\d+)?e\d+\b/g, (flops) => formatPowerOfTen(Number(flops)))
    .replaceAll(/(?<=\s)-(?=\d)/g, '\u2212');
}

/** The range and the setting that the numbers hold for. */
function scopeOfStudy({ analysis, study, corpus }: ReportContext): Rich[] {
  const budgets = analysis.cells.map((cell) => cell.budgetFlops);
  if (budgets.length === 0) return [];
  const low = formatPowerOfTen(Math.min(...budgets));
  const high = formatPowerOfTen(Math.max(...budgets));
  const range = low === high ? `at ${low} FLOPs` : `between ${low} and ${high} FLOPs`;
  const text = corpus?.name ?? study.runs[0]?.setup.corpus ?? 'one corpus';
  return [
    rich`${strong('Scope.')} The numbers hold ${range}, for this text (${text}), vocabulary, context length and optimizer. Nothing here says that a factor stays the same at larger scale: whatever lies outside of the measured range is called extrapolated.`,
  ];
}

function unfinished({ study }: ReportContext): Rich[] {
  const items: Rich[] = [];
  if (study.missing.length > 0) {
    items.push(
      rich`${strong('Not finished.')} ${counted(study.missing.length, 'planned run')} of ${study.sweep.runs.length} not started yet; the report shows what there is.`,
    );
  }
  for (const run of study.runs) {
    if (run.status === 'done') continue;
    const cause = run.cause === null ? '' : `: ${run.cause}`;
    const { dModel, nLayers } = run.setup.model;
    items.push(
      rich`Run ${{ code: run.runKey }} (${run.arch} ${dModel}x${nLayers}, ${formatPowerOfTen(run.budgetFlops)} FLOPs, seed ${run.setup.seed}) is ${run.status}${cause}`,
    );
  }
  return items;
}

/** What this study could have seen at all. */
function power({ comparisons }: ReportContext): Rich[] {
  return comparisons.flatMap((comparison) => {
    const { power: known, arch, baseline } = comparison;
    if (known === null || headlineOf(comparison)?.verdict !== 'not told apart') return [];
    const seeds =
      known.seedsMultiple === null || known.seedsMultiple <= 1
        ? ''
        : ` To tell the factor seen here from 1, about ${formatNumber(known.seedsMultiple, 2)} times the seeds would be needed.`;
    return [
      rich`${arch} and ${baseline} are not told apart, which does not make them equal: at this seed noise the study would have told a factor of ${formatFactor(known.detectableFactor)} from 1 (with a chance of 80%).${seeds}`,
    ];
  });
}

/** Runs whose compute is further from their budget than the comparison at equal budget can bear. */
function offBudget({ study }: ReportContext): Rich[] {
  const off = study.runs.filter((run) => Math.abs(run.flops / run.budgetFlops - 1) > ROUGH_SPENDING);
  if (off.length === 0) return [];
  const worst = off.reduce((a, b) =>
    Math.abs(b.flops / b.budgetFlops - 1) > Math.abs(a.flops / a.budgetFlops - 1) ? b : a,
  );
  return [
    rich`${counted(off.length, 'run')} spent more than 1% more or less than the budget, since a run has whole steps (the largest difference: ${formatPercent(worst.flops / worst.budgetFlops - 1)}). Fits use the compute spent.`,
  ];
}

function epochs({ study }: ReportContext): Rich[] {
  const repeated = study.runs.filter((run) => run.epochs > 1);
  if (repeated.length === 0) return [];
  const most = Math.max(...repeated.map((run) => run.epochs));
  return [
    rich`${counted(repeated.length, 'run')} read some of the training text more than once (at most ${most.toFixed(2)} epochs); scaling studies usually read a text once.`,
  ];
}
