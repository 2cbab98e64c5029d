/** Several sweeps side by side, and one sweep with some of its architectures. */
import { describe, expect, it } from 'vitest';
import type { SpeedupAtOptimalSize } from '../../src/fit/comparison.js';
import { agreementOf, repeatedComparisons } from '../../src/report/across/agreement.js';
import { sweepsDocument } from '../../src/report/across/sweepsReport.js';
import { sweepStyles } from '../../src/report/across/chart.js';
import { reportContext, type ReportContext } from '../../src/report/context.js';
import { chartsOf } from '../../src/report/document.js';
import { renderMarkdown } from '../../src/report/markdown.js';
import { renderPage } from '../../src/report/page/page.js';
import { analysisOf } from '../../src/report/reportSweep.js';
import { restrictStudy } from '../../src/report/restrict.js';
import { QUICK_DESIGN, syntheticStudy, type SyntheticOptions } from './syntheticStudy.js';

const DESIGN: SyntheticOptions = {
  ...QUICK_DESIGN,
  archs: QUICK_DESIGN.archs.slice(0, 3),
  noise: 0.002,
  curveRows: 2,
};

const contextOf = (options: SyntheticOptions, corpusSha256?: string): ReportContext => {
  const study = syntheticStudy(options);
  const corpus = study.sweep.resolved['corpus'] as object;
  const resolved =
    corpusSha256 === undefined
      ? study.sweep.resolved
      : { ...study.sweep.resolved, corpus: { ...corpus, contentSha256: corpusSha256 } };
  const named = { ...study, sweep: { ...study.sweep, resolved } };
  return reportContext({ study: named, analysis: analysisOf(named, { bootstraps: 200 }) });
};

const at = (value: number, low: number, high: number): SpeedupAtOptimalSize => ({
  cost: 'flops',
  hardware: null,
  lossNats: 4,
  baselineCost: 1e12,
  relation: '=',
  bound: null,
  factor: { value, low, high, level: 0.95 },
  lowExtrapolated: false,
  highExtrapolated: false,
  verdict: 'better',
  nBudgets: { arch: 3, baseline: 3 },
});

describe('agreement of two factors', () => {
  it('adds the errors of both as squares, in the logarithm', () => {
    // Ends a factor 1.1 away each: exp(sqrt(2) ln 1.1) = 1.1443.
    const { ratio, agrees } = agreementOf(at(2, 2 / 1.1, 2.2), at(2.2, 2, 2.42))!;
    expect(ratio.value).toBeCloseTo(1.1, 10);
    expect(ratio.low).toBeCloseTo(1.1 / 1.1443, 4);
    expect(ratio.high).toBeCloseTo(1.1 * 1.1443, 4);
    expect(agrees).toBe(true);
    expect(agreementOf(at(2, 1.98, 2.02), at(1.5, 1.48, 1.52))!.agrees).toBe(false);
  });

  it('is not told of bounds and without intervals', () => {
    expect(agreementOf(at(2, 1.9, 2.1), { ...at(2, 1.9, 2.1), relation: '>', bound: 2 })).toBeNull();
    const without = { ...at(2, 1.9, 2.1), factor: { value: 2, low: null, high: null, level: 0.95 } } as const;
    expect(agreementOf(without, at(2, 1.9, 2.1))).toBeNull();
  });
});

describe('the report of two sweeps', () => {
  const first = contextOf({ ...DESIGN, name: 'novels' });
  const slower = DESIGN.archs.map((arch) => (arch.arch === 'primer-ez' ? { ...arch, speedup: 1.4 } : arch));

  it('says where they agree and where they do not, and compares no losses of different texts', () => {
    const other = contextOf({ ...DESIGN, name: 'speeches', archs: slower }, '12'.repeat(32));
    const document = sweepsDocument([first, other]);
    const markdown = renderMarkdown(document);
    expect(markdown).toContain('**primer-ez over transformer, absolute positions: the sweeps do not agree**');
    expect(markdown).toContain(
      '**transformer++ over transformer, absolute positions: the sweeps agree within their intervals**',
    );
    const factor = Number(/The factor of speeches is ([\d.]+) times that of novels/.exec(markdown)![1]);
    expect(factor).toBeGreaterThan(0.65);
    expect(factor).toBeLessThan(0.75);
    expect(markdown).toContain('**Losses are not compared.**');
    expect(markdown).not.toContain('Optimal test loss at the same budget');
    const [chart] = chartsOf(document);
    expect(chart!.archs).toEqual(['novels', 'speeches']);
    expect(chart!.table.dataset.rows.length).toBe(6);
    const styles = sweepStyles([first, other]);
    expect(renderPage({ document, styles, version: '0.1.0' })).toContain('novels and speeches, side by side');
  });

  it('reads both at the largest budget that both have', () => {
    const longer = { ...DESIGN, name: 'longer', budgets: [...DESIGN.budgets, 1e13] };
    const [repeated] = repeatedComparisons([first, contextOf(longer)]);
    const [own, other] = repeated!.findings;
    const shared = DESIGN.budgets.at(-1)!;
    expect(own!.at.baselineCost / shared).toBeCloseTo(1, 2);
    expect(own!.furthest).toBeNull();
    expect(other!.at.baselineCost / shared).toBeCloseTo(1, 2);
    expect(other!.furthest!.baselineCost / 1e13).toBeCloseTo(1, 2);
    expect(repeated!.agreements[0]!.agrees).toBe(true);
    const markdown = renderMarkdown(sweepsDocument([first, contextOf(longer)])).replaceAll('\u00a0', ' ');
    expect(markdown).toMatch(
      /longer [\d.]+× \(95% interval [^)]+\) at \S+ FLOPs \([^;]+, its largest budget\)/,
    );
  });

  it('does not set factors of different compute against each other', () => {
    const budgets = DESIGN.budgets.map((budget) => budget * 30);
    const document = sweepsDocument([first, contextOf({ ...DESIGN, name: 'larger', budgets })]);
    expect(renderMarkdown(document)).toContain('can not be told, since they have no budget in common');
  });

  it('sets losses side by side where text, tokenizer and windows are the same', () => {
    const again = contextOf({ ...DESIGN, name: 'again' });
    const markdown = renderMarkdown(sweepsDocument([first, again]));
    expect(markdown).toContain('their losses can be set side by side');
    expect(markdown).toContain('Optimal test loss at the same budget, nats (95%)');
    expect(markdown).not.toContain('do not agree');
  });

  it('without a comparison in common says what it takes', () => {
    const alone = contextOf({ ...DESIGN, name: 'alone', archs: DESIGN.archs.slice(0, 1) });
    expect(renderMarkdown(sweepsDocument([first, alone]))).toContain('**Nothing to set side by side.**');
  });
});

describe('a report with some of the architectures', () => {
  const study = syntheticStudy(QUICK_DESIGN);

  it('shows the baseline and the variants asked for, in every family, and says so', () => {
    const restricted = restrictStudy(study, { baselines: ['transformer++'], variants: ['primer-ez'] });
    const archs = ['transformer++', 'primer-ez', 'primer-ez@rotary'];
    expect(new Set(restricted.runs.map((run) => run.arch))).toEqual(new Set(archs));
    expect(new Set(restricted.fitRows.map((row) => row.arch))).toEqual(new Set(archs));
    const analysis = analysisOf(restricted, { bootstraps: 0 });
    expect(analysis.speedup.map(({ arch, baseline }) => [arch, baseline])).toEqual([
      ['primer-ez', 'transformer++'],
    ]);
    const { notices } = reportContext({ study: restricted, analysis });
    expect(notices).toEqual([
      'This report was asked to leave out transformer, primer and transformer@rotary, which the sweep has too; the baselines are transformer++.',
    ]);
  });

  it('refuses a name that no architecture has', () => {
    expect(() => restrictStudy(study, { baselines: [], variants: ['primmer'] })).toThrow(
      /No run of synthetic is of primmer. Did you mean "primer"\? Its architectures are transformer, /,
    );
  });
});
