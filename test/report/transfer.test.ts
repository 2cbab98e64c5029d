/** What sharing trunks saved, and whether the tuned rates hold at the largest budget. */
import { expect, it } from 'vitest';
import { buildDocument } from '../../src/report/buildDocument.js';
import { reportContext } from '../../src/report/context.js';
import { renderMarkdown } from '../../src/report/markdown.js';
import { analysisOf } from '../../src/report/reportSweep.js';
import { transferResults } from '../../src/report/transfer.js';
import { QUICK_DESIGN, syntheticStudy } from './syntheticStudy.js';

const study = syntheticStudy({ ...QUICK_DESIGN, archs: QUICK_DESIGN.archs.slice(0, 3), curveRows: 2 });
const analysis = analysisOf(study, { bootstraps: 0 });
const deviation = analysis.seedNoise!.standardDeviation;
const trial = (arch: string, factor: number, gain: number | null): object => ({
  arch,
  budgetFlops: 1e12,
  dModel: 48,
  nLayers: 2,
  seed: 0,
  tunedLearningRate: 0.016,
  tunedValLossNats: 4.5,
  learningRate: 0.016 * factor,
  valLossNats: gain === null ? null : 4.5 - gain,
  runKey: '0'.repeat(16),
});
const transferCheck = [
  trial('transformer', 0.5, 1.9 * deviation),
  trial('transformer', 2, null),
  trial('primer-ez', 0.5, -0.1),
  trial('primer-ez', 2, 2.1 * deviation),
];
const checked = {
  ...study,
  sweep: { ...study.sweep, resolved: { ...study.sweep.resolved, transferCheck } },
};

it('fails the transfer where another rate wins by more than 2 seed deviations, and says so', () => {
  const context = reportContext({ study: checked, analysis });
  expect(transferResults(context).map(({ arch, verdict }) => [arch, verdict])).toEqual([
    ['transformer', 'holds'],
    ['primer-ez', 'failed'],
  ]);
  const markdown = renderMarkdown(buildDocument(context));
  expect(markdown).toContain(
    '**The transfer of learning rates has failed** for primer-ez: another rate wins.',
  );
  expect(markdown).toContain('half or twice the tuned rate is better for primer-ez by more than 2 seed');
  const before = renderMarkdown(buildDocument(reportContext({ study, analysis })));
  expect(before).not.toContain('Do the tuned rates hold');
});

it('counts the runs whose rate was tuned at far less or far more compute', () => {
  const tunedAt = (budgetFlops: number): string => {
    const tuning = study.sweep.resolved['tuning'] as { rates: object[] };
    const rates = tuning.rates.map((rate) => ({ ...rate, budgetFlops }));
    const resolved = { ...study.sweep.resolved, tuning: { ...tuning, rates } };
    const sweep = { ...study.sweep, resolved };
    return renderMarkdown(buildDocument(reportContext({ study: { ...study, sweep }, analysis })));
  };
  const budgets = study.runs.map(({ budgetFlops }) => budgetFlops);
  const [low, high] = [Math.min(...budgets), Math.max(...budgets)];
  const far = budgets.filter((budget) => budget > 4 * low).length;
  expect(tunedAt(Math.sqrt(low * high))).not.toContain('take their rates from a tuning');
  expect(tunedAt(low)).toContain(
    `**Learning rates.** ${far} runs of ${budgets.length} take their rates from a tuning with more than 4 times less or more`,
  );
});

it('adds up what shared trunks saved', () => {
  const [first, second] = study.runs;
  const runs = study.runs.map((run) =>
    run !== first
      ? run
      : { ...run, execution: { ...run.execution!, branch: { runKey: second!.runKey, step: 50 } } },
  );
  const markdown = renderMarkdown(buildDocument(reportContext({ study: { ...study, runs }, analysis })));
  const [mantissa] = (50 * first!.flopsPerStep).toExponential(2).split('e');
  expect(markdown).toContain(
    `1 run took over the first steps of a run of the same size and seed, which saved ${Number(mantissa)}`,
  );
});
