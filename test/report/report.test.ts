import { beforeAll, describe, expect, it } from 'vitest';
import { analyse } from '../../src/fit/analyse.js';
import type { Analysis } from '../../src/fit/analysis.js';
import { buildDocument } from '../../src/report/buildDocument.js';
import { reportContext } from '../../src/report/context.js';
import { chartsOf, type ReportDocument } from '../../src/report/document.js';
import { renderFigure } from '../../src/report/figures.js';
import { renderMarkdown } from '../../src/report/markdown.js';
import { renderPage } from '../../src/report/page/page.js';
import { renderFiles } from '../../src/report/renderReport.js';
import { analysisOf } from '../../src/report/reportSweep.js';
import { richToPlain } from '../../src/report/rich.js';
import type { ReportFile } from '../../src/report/writeReport.js';
import type { Study } from '../../src/store/study.js';
import { QUICK_DESIGN, syntheticStudy } from './syntheticStudy.js';

/** Fewer draws than a report's: nothing here depends on the width of an interval. */
const analysisFor = (study: Study): Analysis =>
  analyse(study.fitRows, { baselines: study.sweep.baselines, bootstraps: 200 });
const documentOf = (study: Study, analysis = analysisFor(study)): ReportDocument =>
  buildDocument(reportContext({ study, analysis }));
const textOf = (files: readonly ReportFile[], path: string): string =>
  String(files.find((file) => file.path === path)?.content ?? `no ${path}`);
const answersOf = (document: ReportDocument): string[] =>
  document.sections.flatMap((section) =>
    section.blocks.flatMap((block) =>
      block.kind === 'answers' ? block.answers.map(({ sentence }) => richToPlain(sentence)) : [],
    ),
  );

/** Fewer runs than the quick sweep's, the same parts. */
const SMALL = { ...QUICK_DESIGN, archs: QUICK_DESIGN.archs.filter(({ preset }) => preset !== 'primer') };

describe('the report of a study with a known law', () => {
  const study = syntheticStudy({ ...SMALL, noise: 0.002 });
  const analysis = analysisFor(study);
  let rendered: Awaited<ReturnType<typeof renderFiles>>;
  beforeAll(async () => {
    rendered = await renderFiles({ study, analysis });
  }, 240_000);

  it('opens with the speedups of that law', () => {
    const sentences = answersOf(rendered.document).filter((sentence) => sentence.includes('less training'));
    const factors = sentences.map((sentence) => {
      const [, arch, baseline, factor] = /^(\S+) reaches the loss of (\S+) with ([\d.]+)×/.exec(sentence)!;
      return { arch, baseline, factor: Number(factor) };
    });
    // Primer-EZ was given 2 times the compute of the Transformer, Transformer++ 1.3 times.
    expect(factors).toEqual([
      { arch: 'primer-ez', baseline: 'transformer', factor: expect.closeTo(2, 1) as number },
      { arch: 'transformer++', baseline: 'transformer', factor: expect.closeTo(1.3, 1) as number },
      { arch: 'primer-ez', baseline: 'transformer++', factor: expect.closeTo(2 / 1.3, 1) as number },
    ]);
  });

  it('has a page with headings in order, and a name for every place, which links go to', () => {
    const html = textOf(rendered.files, 'index.html').replace(/<script[^]*?<\/script>/g, '');
    const levels = [...html.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level));
    expect(levels[0]).toBe(1);
    for (const [i, level] of levels.slice(1).entries()) expect(level - levels[i]!).toBeLessThanOrEqual(1);
    const ids = [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
    for (const [, target] of html.matchAll(/href="#([^"]*)"/g)) expect(ids).toContain(target);
  });

  it('names the device that trained, not the processor beside it', () => {
    const [first, ...rest] = study.runs;
    const execution = { ...first!.execution!, device: 'Example GPU 80 GB' };
    const onGpu = { ...study, runs: [{ ...first!, execution }, ...rest.slice(0, 1)] };
    const facts = documentOf(onGpu, analysis)
      .sections.flatMap(({ blocks }) => blocks)
      .flatMap((block) => (block.kind === 'facts' ? block.facts : []));
    const machine = richToPlain(facts.find(([name]) => name === 'Machine')![1]);
    expect(machine).toContain('Example GPU 80 GB, 1 thread a run');
    expect(machine).toContain('Example CPU @ 2.0 GHz, 1 thread a run');
  });

  it('shows the control in the other family right after the answer', () => {
    const [answer] = rendered.document.sections;
    const charts = answer!.blocks.flatMap((block) => (block.kind === 'chart' ? [block.chart.id] : []));
    expect(charts).toEqual(['speedup', 'control']);
    const control = answersOf(rendered.document).at(-1)!;
    // 18.5 (1e12)^-0.05 (1 - 2^-0.05) = 0.158 nats or 3.4%; with rotary positions 2.25 / 2.2 gives 0.005 nats.
    expect(control).toMatch(/^With rotary positions primer-ez (ends|is not told apart)/);
    expect(control).toContain('at 10¹² FLOPs, both at optimal size; with absolute positions it ends 0.15');
    expect(control).toMatch(
      / nats \(3\.\d\d%\) below transformer \(95% interval \u22120\.\d+ to \u22120\.\d+\)\.$/,
    );
  });

  it('has every part, with a table and files behind each chart', () => {
    const ids = chartsOf(rendered.document).map((chart) => chart.id);
    expect(ids).toEqual([
      'speedup',
      'control',
      'frontier',
      'isoflop',
      'isoflop-rotary',
      'optimal-size',
      'speedup-curve',
      'savings',
      'curves',
      'fixed-size',
      'held-out',
      'residuals',
      'parameters',
      'flops',
      'throughput',
      'tuning',
    ]);
    const paths = rendered.files.map((file) => file.path);
    for (const id of ids) {
      expect(paths).toEqual(
        expect.arrayContaining([`figures/${id}.svg`, `figures/${id}.png`, `data/${id}.csv`]),
      );
    }
    expect(rendered.document.sections.map((section) => section.id)).toEqual([
      'answer',
      'evidence',
      'tuning',
      'limits',
      'reproduce',
    ]);
  });

  it('is the same, byte for byte, when rendered again', async () => {
    const other = syntheticStudy({ ...SMALL, noise: 0.002 });
    const again = await renderFiles({ study: other, analysis: analysisFor(other) });
    expect(again.files.map((file) => file.path)).toEqual(rendered.files.map((file) => file.path));
    for (const [i, file] of rendered.files.entries()) {
      expect(Buffer.from(again.files[i]!.content).equals(Buffer.from(file.content)), file.path).toBe(true);
    }
  });

  it('gives Vega-Lite nothing to warn of', async () => {
    const warnings: string[] = [];
    for (const chart of chartsOf(rendered.document)) {
      await renderFigure(chart, (warning) => warnings.push(`${chart.id}: ${warning}`));
    }
    expect(warnings).toEqual([]);
  });

  it('needs nothing from anywhere else', () => {
    const page = textOf(rendered.files, 'index.html');
    expect(page).not.toMatch(/<(?:script|img|link|iframe)[^>]*(?:src|href)="(?:https?:)?\/\//);
    expect(page).toContain('default-src &#39;none&#39;');
    expect(page.length).toBeLessThan(5e6);
  });

  it('says what the fits warn of, how to reproduce it, and flags edges of the tuning', () => {
    const markdown = textOf(rendered.files, 'report.md');
    for (const warning of analysis.warnings) {
      expect(markdown.replaceAll('\\', '')).toContain(warning.replaceAll('\\', ''));
    }
    expect(markdown).toContain('`isoloss run synthetic.yaml --report`');
    expect(markdown).toContain('Unigram entropy of the test split: 5.950 nats');
    expect(markdown).toContain('State of the Union addresses: 233 documents');
    expect(markdown).toContain('isoloss 0.1.0, onnxruntime-cpu 1.30.0, Node 22.1.0');
    expect(markdown).toMatch(/4 of 20 optima lie at an edge of the grid/);
  });
});

describe('the report of a thousand runs', () => {
  it('is a page of less than 5 MB', () => {
    const study = syntheticStudy({
      ...QUICK_DESIGN,
      seeds: 30,
      budgets: [1e11, 2e11, 4e11, 1e12],
      curveRows: 200,
    });
    expect(study.runs.length).toBeGreaterThan(1000);
    const analysis = analyse(study.fitRows, { baselines: study.sweep.baselines, bootstraps: 20 });
    const context = reportContext({ study, analysis });
    const page = renderPage({ document: buildDocument(context), styles: context.styles, version: '0.1.0' });
    expect(Buffer.byteLength(page)).toBeLessThan(5e6);
  });
});

describe('hostile names', () => {
  const attack = '<script>alert(1)</script>';
  const study = syntheticStudy({
    ...SMALL,
    archs: SMALL.archs.map((arch) => (arch.arch === 'primer-ez' ? { ...arch, arch: attack } : arch)),
    title: `${attack} & "more"`,
    source: `name: x # ${attack}\n\`\`\`\n</code></pre>${attack}\n`,
  });
  study.runs[0]!.cause = `${attack}|`;
  study.runs[0]!.status = 'failed';

  it('stay text in the page, in Markdown and in figures', async () => {
    const { files } = await renderFiles({ study, analysis: analysisFor(study) });
    for (const { path, content } of files) {
      if (!/\.(html|md|svg)$/.test(path)) continue;
      const text = String(content);
      if (path.endsWith('.md')) {
        // Inside a fence Markdown shows a tag as it stands; the fence is longer than any in the text.
        const fence = text.indexOf('````yaml');
        expect(fence).toBeGreaterThan(0);
        expect(text.slice(0, fence)).not.toContain('<script');
      } else {
        expect(text, path).not.toContain(attack);
        expect(text, path).not.toContain('<script>alert');
      }
    }
    expect(textOf(files, 'index.html')).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });
});

describe('studies that leave things open', () => {
  const plain = { ...QUICK_DESIGN, timed: false };
  const limits = (document: ReportDocument): string =>
    document.sections
      .find((section) => section.id === 'limits')!
      .blocks.flatMap((block) => (block.kind === 'list' ? block.items.map(richToPlain) : []))
      .join('\n');

  it('with one family of positions say so', () => {
    const document = documentOf(
      syntheticStudy({ ...plain, archs: plain.archs.filter((a) => a.positions === 'absolute') }),
    );
    expect(renderMarkdown(document)).toContain('**One family of positions only**');
    expect(chartsOf(document).map((chart) => chart.id)).not.toContain('control');
  });

  it('without repeated seeds have no interval, and say why', () => {
    const document = documentOf(syntheticStudy({ ...plain, seeds: 1 }));
    expect(answersOf(document)[0]).toContain('(no interval: no seed is repeated in this study)');
  });

  it('with one budget tell differences of loss, and why there is no speedup', () => {
    const document = documentOf(syntheticStudy({ ...plain, budgets: [1e12] }));
    expect(answersOf(document)).toContainEqual(
      expect.stringMatching(
        /^primer-ez ends 0\.\d{3} nats below transformer: −0\.\d{3} nats \(95% interval .*\) with 10¹² FLOPs, both at optimal size, absolute positions\.$/,
      ),
    );
    expect(renderMarkdown(document)).toContain('**No speedup at optimal size** can be read here');
    const one = documentOf(syntheticStudy({ ...plain, archs: plain.archs.slice(0, 2), budgets: [1e12] }));
    expect(limits(one)).toContain('The numbers hold at 10¹² FLOPs, for this text');
    expect(chartsOf(one).find(({ id }) => id === 'isoflop')?.alt).toMatch(
      /^Loss against size at 1 budget\. /,
    );
  });

  it('without a comparison say what a comparison needs', () => {
    const document = documentOf(syntheticStudy({ ...plain, baselines: [] }));
    expect(renderMarkdown(document)).toContain('**Nothing is compared here.** The sweep names no baseline');
  });

  it('name runs that are not done', () => {
    const study = syntheticStudy(plain);
    const run = study.runs[0]!;
    run.status = 'diverged';
    run.cause = 'the loss was NaN at step 12.';
    const fitRows = study.fitRows.map((row) =>
      row.id === run.runKey ? { ...row, status: 'diverged' as const, lossNats: Infinity } : row,
    );
    const document = documentOf({ ...study, fitRows, missing: ['f'.repeat(16)] });
    expect(limits(document)).toContain(
      `Run ${run.runKey} (transformer 24x2, 10¹¹ FLOPs, seed 0) is diverged`,
    );
    expect(limits(document)).toContain('the loss was NaN at step 12.');
    expect(limits(document)).toContain('1 planned run of 84 not started yet');
  });

  it('of which nothing is finished are rendered all the same', () => {
    const study = syntheticStudy(plain);
    for (const run of study.runs) Object.assign(run, { status: 'running', final: null });
    const unfinished = { ...study, fitRows: [] };
    const document = documentOf(unfinished, analysisOf(unfinished));
    expect(limits(document)).toContain('None of the 0 runs is finished');
    const planned = {
      ...unfinished,
      runs: [],
      curves: {},
      missing: study.sweep.runs.map((run) => run.runKey),
    };
    expect(renderMarkdown(documentOf(planned, analysisOf(planned)))).toMatch(
      /The baselines are \S+ and \S+, and no run is there yet: a comparison needs/,
    );
  });

  it('that tune are shown as a tuning', () => {
    const study = syntheticStudy({ ...plain, budgets: [1e11], archs: plain.archs.slice(0, 2), seeds: 1 });
    const runs = study.runs.flatMap((run, i) =>
      [0.008, 0.016, 0.032].map((learningRate, k) => ({
        ...run,
        runKey: `${i}${k}`.padStart(16, '0'),
        setup: { ...run.setup, optimizer: { ...run.setup.optimizer, learningRate } },
        final: {
          val: { lossNats: 5 + 0.01 * Math.abs(k - 1), bitsPerByte: 2, tokens: 100 },
          test: { lossNats: 5, bitsPerByte: 2, tokens: 100 },
        },
      })),
    );
    const tuning = { ...study, runs, sweep: { ...study.sweep, resolved: {} }, curves: {} };
    const document = documentOf(tuning, analysisOf(tuning));
    expect(chartsOf(document).map((chart) => chart.id)).toEqual(['tuning']);
    expect(limits(document)).toContain('shown as a tuning and not fitted');
  });
});
