/** A study like the reference one: eleven architectures in three families of positions, each with its own baselines. */
import { describe, expect, it } from 'vitest';
import { analyse } from '../../src/fit/analyse.js';
import { buildDocument } from '../../src/report/buildDocument.js';
import { reportContext } from '../../src/report/context.js';
import { claimAnswer } from '../../src/report/claims.js';
import { chartsOf, type Answer } from '../../src/report/document.js';
import { archInfos, contrastPairs } from '../../src/report/families.js';
import { renderMarkdown } from '../../src/report/markdown.js';
import { analysisOf } from '../../src/report/reportSweep.js';
import { richToPlain } from '../../src/report/rich.js';
import { EXPONENT, REFERENCE_DESIGN, syntheticStudy } from './syntheticStudy.js';

const study = syntheticStudy({ ...REFERENCE_DESIGN, noise: 0.002, curveRows: 4 });
const analysis = analysisOf(study, { bootstraps: 200 });
const context = reportContext({ study, analysis });
const document = buildDocument(context);
const answers: Answer[] = document.sections.flatMap((section) =>
  section.blocks.flatMap((block) => (block.kind === 'answers' ? block.answers : [])),
);
const sentences = answers.map(({ sentence }) => richToPlain(sentence));
const columnOf = (id: string, field: string): unknown[] => {
  const { dataset } = chartsOf(document).find((chart) => chart.id === id)!.table;
  return dataset.rows.map((row) => row[dataset.columns.indexOf(field)]);
};
const tableOf = (file: string): Record<string, unknown>[] => {
  const block = document.sections
    .flatMap((section) => section.blocks)
    .find((candidate) => candidate.kind === 'table' && candidate.file === file);
  if (block?.kind !== 'table') throw new Error(`no table ${file}`);
  const { columns, rows } = block.table.dataset;
  return rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]])));
};

describe('the report of a study with three families', () => {
  it('has one answer for each comparison, over the baseline of each family', () => {
    expect(answers.length).toBe(5);
    // Given: 2 over 1, 2.7 over 1.9, 2.3 over 2.2.
    expect(sentences[0]).toMatch(
      /^primer-ez saves training compute over transformer in all 3 families of positions: (1\.9\d|2\.0\d)× \(95% interval .*\) with absolute positions; 1\.4\d× \(1\.\d\d to 1\.\d\d\) with relative positions \(t5-primer-ez over t5\); 1\.0\d× \(.*\) with rotary positions; at optimal size, measured between /,
    );
    expect(answers[0]).toMatchObject({
      tone: 'decided',
      factor: expect.stringMatching(/^1\.0\d–/) as string,
    });
    // 2.3 over 2.9 and 2.7 over 2.5: better in one family, worse in another.
    const overPlus = sentences.findIndex((text) => text.startsWith('Whether primer-ez'));
    expect(sentences[overPlus]).toMatch(
      /^Whether primer-ez saves training compute over transformer\+\+ depends on the positions: 1\.5/,
    );
    expect(answers[overPlus]!.tone).toBe('undecided');
    // Primer has no relative form, and with rotary positions it is as good as the Transformer.
    const primer = sentences.findIndex((text) => text.startsWith('primer saves'));
    expect(sentences[primer]).toMatch(/^primer saves training compute over transformer in 1 of 2 families/);
    expect(answers[primer]!.tone).toBe('undecided');
  });

  it('says at which compute each factor is read where the families do not share it', () => {
    const archs = REFERENCE_DESIGN.archs
      .filter(({ preset }) => preset === 'transformer' || preset === 'primer-ez')
      .map((entry) => (entry.positions === 'rotary' ? entry : { ...entry, budgets: [3e11, 1e12, 3e12] }));
    const uneven = syntheticStudy({ ...REFERENCE_DESIGN, archs, baselines: ['transformer'], noise: 0.002 });
    const { claims } = reportContext({
      study: uneven,
      analysis: analysisOf(uneven, { bootstraps: 50 }),
    });
    expect(richToPlain(claimAnswer(claims[0]!).sentence)).toMatch(
      /with absolute positions at 3\s×\s10¹² FLOPs; 1\.0\d× \(.*\) with rotary positions at 3\s×\s10¹³ FLOPs \(1\.0\d× at 3\s×\s10¹² FLOPs, which all reached\); each at optimal size, at the loss that its baseline has with the compute named\.$/,
    );
  });

  it('says how the factors of the families compare, with an interval', () => {
    expect(analysis.contrasts.map(({ first, other }) => [first.arch, other.arch])).toEqual(
      contrastPairs(study).map(({ first, other }) => [first.arch, other.arch]),
    );
    const contrast = analysis.contrasts.find(
      ({ first, other }) =>
        first.arch === 'primer-ez' && first.baseline === 'transformer' && other.arch === 'primer-ez@rotary',
    )!;
    expect(contrast.ratio.value).toBeCloseTo(2.3 / 2.2 / 2, 2);
    expect(contrast.differs).toBe('worse');
    expect(contrast.ratio.low!).toBeLessThan(contrast.ratio.value);
    const row = tableOf('contrasts').find(
      ({ first, otherPositions }) => first === 'primer-ez over transformer' && otherPositions === 'rotary',
    )!;
    expect(row['other']).toBe('primer-ez@rotary over transformer@rotary');
    expect(row['label']).toMatch(new RegExp(`^${contrast.ratio.value.toFixed(2)} \\(`));
    expect(row['differs']).toBe('smaller');
  });

  it('draws the same part of two families in one colour', () => {
    const styles = ['primer-ez', 't5-primer-ez', 'primer-ez@rotary'].map((arch) => context.styles.get(arch)!);
    expect(new Set(styles.map((style) => style.color)).size).toBe(1);
    expect(new Set(styles.map((style) => `${style.shape} ${style.dash.join()}`)).size).toBe(3);
    expect(new Set([...context.styles.values()].map((style) => JSON.stringify(style))).size).toBe(11);
  });

  it('has laws, frontiers and optimal sizes of each family, whose exponents are those given', () => {
    const ids = chartsOf(document).map((chart) => chart.id);
    for (const id of ['frontier', 'isoflop', 'optimal-size', 'speedup-curve', 'savings', 'fixed-size']) {
      expect(ids).toEqual(expect.arrayContaining([id, `${id}-relative`, `${id}-rotary`]));
    }
    expect(ids).not.toContain('control');
    const laws = tableOf('laws');
    expect(laws.map((law) => law['positions'])).toEqual([
      ...Array.from({ length: 4 }, () => 'absolute'),
      ...Array.from({ length: 3 }, () => 'relative'),
      ...Array.from({ length: 4 }, () => 'rotary'),
    ]);
    for (const law of laws) expect(law['exponent']).toBeCloseTo(-EXPONENT, 2);
    // The fixture's best size grows with compute to the power .15.
    for (const law of laws) expect(String(law['size'])).toMatch(/^0\.1[3-7] /);
  });

  it('names the convention of every exponent in parameters, the output matrix counted by default', () => {
    const [law] = tableOf('laws');
    const [conventions] = tableOf('size-laws');
    expect(conventions!['params']).toBe(law!['params']);
    expect(Object.keys(conventions!)).toEqual([
      'arch',
      'positions',
      'params',
      'paramsNonEmbedding',
      'paramsTotal',
    ]);
    expect(new Set([conventions!['params'], conventions!['paramsNonEmbedding']]).size).toBe(2);
  });

  it('tests the savings against the exponent that the paper claims', () => {
    const savings = tableOf('savings-laws').find(
      (row) => row['arch'] === 'primer' && row['baseline'] === 'transformer',
    )!;
    expect(savings['exponent']).toBeCloseTo(-EXPONENT, 2);
    expect(savings['parallelExponent']).toBeCloseTo(-EXPONENT, 2);
    expect(savings['paper']).toBe('yes');
    expect(renderMarkdown(document)).toMatch(
      /Of \d+ comparisons with savings here, \d+ of the \d+ that can test it agree/,
    );
    // loss = a1 (1 - 1/b)^k s^-k, at both ends of the range.
    const kinds = columnOf('savings', 'kind');
    expect(new Set(kinds)).toEqual(new Set(['saved', 'claimed']));
  });

  it('puts llama and T5 beside the presets that they correspond to, unless those are there themselves', () => {
    const archs = REFERENCE_DESIGN.archs
      .slice(0, 1)
      .concat(
        { arch: 'llama', preset: 'llama', positions: 'rotary', speedup: 1 },
        { arch: 't5', preset: 't5', positions: 'relative', speedup: 1 },
        { arch: 'transformer@relative', preset: 'transformer', positions: 'relative', speedup: 1 },
      );
    const infos = archInfos(
      syntheticStudy({ archs, budgets: [1e12], baselines: ['transformer'], curveRows: 1 }),
    );
    expect(Object.fromEntries(infos.map(({ arch, part }) => [arch, part]))).toEqual({
      transformer: 'transformer',
      llama: 'transformer++',
      t5: 't5',
      'transformer@relative': 'transformer',
    });
  });

  it('gives no statement on families where none was asked for', () => {
    const plain = analyse(study.fitRows, { baselines: study.sweep.baselines, bootstraps: 0 });
    expect(plain.contrasts).toEqual([]);
  });
});
