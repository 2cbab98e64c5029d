/** A sweep that adds parts to one architecture and takes them from another, at one size: what its report answers. */
import { describe, expect, it } from 'vitest';
import { buildDocument } from '../../src/report/buildDocument.js';
import { reportContext } from '../../src/report/context.js';
import { differenceGroups } from '../../src/report/differences.js';
import { chartsOf } from '../../src/report/document.js';
import { renderMarkdown } from '../../src/report/markdown.js';
import { analysisOf } from '../../src/report/reportSweep.js';
import { renderTerminal } from '../../src/report/terminal/terminal.js';
import { richToPlain } from '../../src/report/rich.js';
import { syntheticStudy } from './syntheticStudy.js';

const variant = (arch: string, speedup: number) => ({
  arch,
  preset: arch,
  positions: 'absolute' as const,
  speedup,
  budgets: [1e12],
});
/** Three budgets of the two baselines, one of their variants, at one size with three seeds. */
const study = syntheticStudy({
  name: 'parts',
  title: 'Parts',
  archs: [
    { ...variant('transformer', 1), budgets: [5e11, 1e12, 2e12] },
    { ...variant('primer', 3), budgets: [5e11, 1e12, 2e12] },
    variant('transformer+conv', 1.6),
    variant('transformer+gate', 1),
    variant('transformer+slow', 0.7),
    variant('primer-without-conv', 1.8),
    variant('primer+gate', 3),
    variant('primer+wide', 3.3),
  ],
  budgets: [1e12],
  baselines: ['transformer', 'primer'],
  noise: 0.003,
  seeds: 3,
  timed: false,
  curveRows: 4,
  sizes: [[48, 2]],
});
const input = { study, analysis: analysisOf(study, { bootstraps: 50 }) };
const context = reportContext(input);
const document = buildDocument(context);
const rowsOf = (id: string): Record<string, unknown>[] => {
  const { columns, rows } = chartsOf(document).find((chart) => chart.id === id)!.table.dataset;
  return rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]])));
};
const answers = document.sections[0]!.blocks.flatMap((block) =>
  block.kind === 'answers' ? block.answers : [],
);

describe('the report of a sweep at one size', () => {
  it('answers with what each change to a baseline does', () => {
    expect(richToPlain(document.summary)).toContain('By how much does each change move the loss');
    expect(answers.map(({ factor }) => factor)).toEqual([
      '> 2.00×',
      expect.stringMatching(/^1\.[56]\d×$/),
      expect.stringMatching(/^0\.[56]\d×$/),
    ]);
    const [whole, added, taken] = answers.map(({ sentence }) => richToPlain(sentence));
    expect(whole).toMatch(/^primer ends 0\.\d{3} nats below transformer: .*more than 2\.00× the compute\.$/);
    expect(added).toMatch(
      /^Of 3 changes to transformer, 1 lowers the loss, 1 raises it and 1 is not told apart from it, with 10¹² FLOPs and absolute positions\. transformer\+conv gains most: −0\.\d{3} nats \(95% interval .*\), both at size 48x2, 3 seeds; transformer itself reaches that loss, at that size, with 1\.[56]\d× \(.*\) the compute\. transformer\+slow costs most: /,
    );
    expect(taken).toContain('primer-without-conv costs most');
  });

  it('draws them sorted, those of each baseline apart, with the compute they are worth', () => {
    const [first, second] = [rowsOf('differences'), rowsOf('differences-2')];
    expect(first.map(({ arch }) => arch)).toEqual([
      'primer',
      'transformer+conv',
      'transformer+gate',
      'transformer+slow',
    ]);
    expect(second.map(({ arch }) => arch).sort()).toEqual([
      'primer+gate',
      'primer+wide',
      'primer-without-conv',
    ]);
    // The law's own speedups, up to noise and to what the distance from the best size adds.
    const factors = Object.fromEntries<unknown>(
      [...first, ...second].map((row) => [String(row['arch']), row['computeFactor']] as const),
    );
    expect(factors['transformer+conv']).toBeCloseTo(1.6, 0.5);
    expect(factors['primer-without-conv']).toBeCloseTo(1.8 / 3, 1);
    expect(first[0]!['computeRelation']).toBe('>');
    for (const row of [...first, ...second]) {
      const holdsOne = Number(row['computeLow'] ?? 0) < 1 && Number(row['computeHigh'] ?? Infinity) > 1;
      if (row['computeRelation'] === '=') expect(holdsOne).toBe(row['verdict'] === 'not told apart');
    }
  });

  it('has no picture of optima, which there are none of, and says why there is no speedup', () => {
    const ids = chartsOf(document).map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(['differences', 'sizes', 'curves', 'fixed-size']));
    expect(ids).not.toContain('isoflop');
    expect(ids).not.toContain('frontier');
    const markdown = renderMarkdown(document);
    expect(markdown).toContain('**No speedup at optimal size** can be read here');
    expect(markdown).toMatch(
      /transformer and primer at 5.×.10¹¹, 10¹² and 2.×.10¹² FLOPs; transformer\+conv, transformer\+gate, transformer\+slow, primer-without-conv, primer\+gate and primer\+wide at 10¹² FLOPs: left out of the law\./,
    );
  });

  it('says the same in a terminal', () => {
    const text = renderTerminal(input, 100);
    expect(text).toContain('Change of loss over transformer with 10¹² FLOPs');
    expect(text).toMatch(/transformer\+conv +48x2 +−0\.\d{3} \(.*\) +better +1\.[56]\d× \(/);
  });

  it('compares a size that the baseline lacks with the one it has', () => {
    const narrow = syntheticStudy({
      archs: [{ ...variant('transformer+narrow', 1.2), preset: 'transformer' }],
      budgets: [1e12],
      baselines: [],
      sizes: [[32, 2]],
      noise: 0.003,
    });
    const fitRows = [...study.fitRows, ...narrow.fitRows.map((row) => ({ ...row, id: `n${row.id}` }))];
    const both = { ...study, fitRows };
    const [group] = differenceGroups(reportContext({ study: both, analysis: analysisOf(both) }));
    const entry = group!.entries.find(({ arch }) => arch === 'transformer+narrow')!;
    expect(entry).toMatchObject({ size: '32x2', isBaselineSize: false });
    expect(entry.basis).toBe('at size 32x2, the baseline at 48x2, 2 seeds');
    expect(entry.differenceNats.low).not.toBeNull();
  });
});
