/** What `isoloss simulate` prints: how well intervals keep their word, and which of them a study of this design never has. */
import type { CoverageReport } from '../../fit/coverage.js';
import { coverageText } from '../../fit/coverageText.js';
import type { SimulatedRun } from '../../fit/simulate.js';
import { listInWords } from '../format.js';

/** Sizes that a minimum takes, and budgets that a law takes. */
const SIZES_OF_MINIMUM = 3;
const BUDGETS_OF_LAW = 2;

/** @param runs of the design that was simulated */
export function simulationText(report: CoverageReport, runs: readonly SimulatedRun[]): string {
  const given = report.coverage.filter(({ available }) => available > 0);
  const absent = report.coverage.filter(({ available }) => available === 0);
  if (absent.length === 0) return coverageText(report);
  const names = listInWords(absent.map(({ quantity }) => quantity));
  const without = `No study of this design has an interval for: ${names}. ${remedyOf(runs)}`.trimEnd();
  return given.length === 0 ? without : `${coverageText({ ...report, coverage: given })}\n\n${without}`;
}

/** What the design lacks, where it is plain. */
function remedyOf(runs: readonly SimulatedRun[]): string {
  const budgets = Math.max(
    ...[...new Set(runs.map(({ arch }) => arch))].map((arch) =>
      budgetsWithMinimum(runs.filter((run) => run.arch === arch)),
    ),
  );
  if (!runs.some((run) => runs.some((other) => isRepeat(run, other))))
    return 'Intervals rest on the noise between seeds: train some sizes with a further seed.';
  if (budgets >= BUDGETS_OF_LAW) return '';
  const there = budgets === 0 ? 'none such' : 'one';
  return `A law, and a speedup read from it, takes ${BUDGETS_OF_LAW} budgets of ${SIZES_OF_MINIMUM} sizes or more of an architecture, and here there is ${there}; isoloss report compares losses at equal compute then.`;
}

function isRepeat(run: SimulatedRun, other: SimulatedRun): boolean {
  return (
    run.seed !== other.seed &&
    run.arch === other.arch &&
    run.budgetFlops === other.budgetFlops &&
    run.flopsPerToken === other.flopsPerToken
  );
}

/** How many budgets of one architecture have enough sizes for a minimum. */
function budgetsWithMinimum(runs: readonly SimulatedRun[]): number {
  const budgets = [...new Set(runs.map(({ budgetFlops }) => budgetFlops))];
  const sizesAt = (budget: number): number =>
    new Set(runs.filter((run) => run.budgetFlops === budget).map((run) => run.flopsPerToken)).size;
  return budgets.filter((budget) => sizesAt(budget) >= SIZES_OF_MINIMUM).length;
}
