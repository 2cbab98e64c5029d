/** What a paper takes from a report: tables in LaTeX and figures as PDF. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { escapeLatex, tableToLatex } from '../../src/report/latex.js';
import { renderPdf } from '../../src/report/pdf.js';
import { renderSvg } from '../../src/report/svg.js';
import { datasetOf, tableToHtml, textsOf, type Table } from '../../src/report/table.js';

const folder = mkdtempSync(join(tmpdir(), 'isoloss-paper-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const table: Table = {
  caption: 'Speedups at 95% & more',
  dataset: datasetOf(
    ['arch', 'flops', 'factor'],
    [
      { arch: 'primer_ez#1', flops: 3e11, factor: 1.987654321 },
      { arch: String.raw`\input{x} $a^2$ ~ <b>`, flops: 1e-12, factor: -0.5 },
    ],
  ),
  columns: [
    { field: 'arch', label: 'Architecture' },
    { field: 'flops', label: 'Budget, FLOPs', format: (x) => (x > 1 ? '3\u00a0×\u00a010¹¹' : '10⁻¹²') },
    { field: 'factor', label: 'Factor', format: (x) => `${x < 0 ? '−' : ''}${Math.abs(x).toFixed(2)}×` },
  ],
};

describe('LaTeX tables', () => {
  it('are booktabs with a caption, a label and every special character escaped', () => {
    expect(tableToLatex(textsOf(table), 'speedup')).toBe(
      String.raw`% \usepackage{booktabs}
\begin{table}
\centering
\caption{Speedups at 95\% \& more.}\label{tab:speedup}
\begin{tabular}{@{}lrr@{}}
\toprule
Architecture & Budget, FLOPs & Factor \\
\midrule
primer\_ez\#1 & 3~$\times$~10$^{11}$ & 1.99$\times$ \\
\textbackslash{}input\{x\} \$a\textasciicircum{}2\$ \textasciitilde{} $<$b$>$ & 10$^{-12}$ & $-$0.50$\times$ \\
\bottomrule
\end{tabular}
\end{table}
`,
    );
  });

  it('have the digits of the page', () => {
    const html = tableToHtml(table).html;
    for (const digits of ['1.99', '0.50', '3\u00a0×\u00a010¹¹']) expect(html).toContain(digits);
  });

  it('break over pages where they are long', () => {
    const rows = Array.from({ length: 60 }, (_, i) => ({ i }));
    const long: Table = {
      caption: 'Long',
      dataset: datasetOf(['i'], rows),
      columns: [{ field: 'i', label: 'I' }],
    };
    const text = tableToLatex(textsOf(long), 'long');
    expect(text).toContain(String.raw`\begin{longtable}{@{}r@{}}`);
    expect(text.match(/ \\\\$/gm)?.length).toBe(61);
  });

  it('are scaled to the line where they are wide, and set long texts as paragraphs', () => {
    const fields = Array.from({ length: 8 }, (_, i) => `column${i}`);
    const row = Object.fromEntries(fields.map((field) => [field, 'a value of some length']));
    const wide: Table = {
      caption: 'Wide',
      dataset: datasetOf([...fields, 'note'], [{ ...row, note: 'word '.repeat(20) }]),
      columns: [...fields, 'note'].map((field) => ({ field, label: field })),
    };
    const text = tableToLatex(textsOf(wide), 'wide');
    expect(text).toContain(String.raw`% \usepackage{booktabs}\usepackage{graphicx}\usepackage{array}`);
    expect(text).toContain(String.raw`\resizebox{\linewidth}{!}{%`);
    expect(text).toContain(String.raw`\begin{tabular}{@{}llllllll>{\raggedright\arraybackslash}p{20em}@{}}`);
  });

  it('begin no row with what the end of the one before would take', () => {
    const rows = [{ arch: '[a]' }, { arch: '*b' }, { arch: 'c[d]' }];
    const table = {
      caption: 'Odd',
      dataset: datasetOf(['arch'], rows),
      columns: [{ field: 'arch', label: 'A' }],
    };
    const text = tableToLatex(textsOf(table), 'odd');
    for (const cell of ['{}[a]', '{}*b', 'c[d]']) expect(text).toContain(`\n${cell} `);
  });

  it('leave nothing unescaped that LaTeX would read', () => {
    const commands =
      /\\(textbackslash|textasciitilde|textasciicircum|textquotedbl|times)(\{\})?|\\[{}&%$#_,]|\$[^$]*\$|~|--/g;
    for (let code = 32; code < 127; code++) {
      const left = escapeLatex(String.fromCharCode(code)).replaceAll(commands, '');
      expect(left).toMatch(/^[^\\{}&%$#_^<>|"]?$/);
    }
  });
});

const has = (program: string): boolean => spawnSync(program, ['-v']).error === undefined;

describe('PDF figures', () => {
  const spec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    width: 300,
    height: 200,
    title: { text: 'Loss − 3×10¹¹', fontWeight: 'bold' },
    data: { values: [1, 2, 3].map((x) => ({ x, y: x * x, arch: 'primer-ez' })) },
    layer: [{ mark: 'line' }, { mark: 'point' }],
    encoding: {
      x: { field: 'x', type: 'quantitative' },
      y: { field: 'y', type: 'quantitative', title: 'Test loss' },
      color: { field: 'arch', type: 'nominal' },
    },
  };
  const pdf = renderSvg(spec).then(renderPdf);

  it('are the same bytes each time', async () => {
    expect(Buffer.from(await renderSvg(spec).then(renderPdf)).equals(Buffer.from(await pdf))).toBe(true);
  });

  it.skipIf(!has('pdftotext'))('keep their text as text (pdftotext)', async () => {
    const path = join(folder, 'figure.pdf');
    writeFileSync(path, await pdf);
    const text = spawnSync('pdftotext', ['-layout', path, '-'], { encoding: 'utf8' }).stdout;
    for (const word of ['Loss − 3×10¹¹', 'Test loss', 'primer-ez']) expect(text).toContain(word);
  });

  it.skipIf(!has('pdffonts'))('embed their fonts and hold no picture (pdffonts, pdfimages)', async () => {
    const path = join(folder, 'fonts.pdf');
    writeFileSync(path, await pdf);
    const fonts = spawnSync('pdffonts', [path], { encoding: 'utf8' }).stdout.trim().split('\n').slice(2);
    expect(fonts.length).toBe(2);
    for (const font of fonts) expect(font).toMatch(/^[A-Z]{6}\+DejaVuSans.* yes +yes +yes +\d+ +\d+$/);
    const images = spawnSync('pdfimages', ['-list', path], { encoding: 'utf8' }).stdout.trim().split('\n');
    expect(images.length).toBe(2);
  });

  it.skipIf(!has('qpdf'))('are sound PDF (qpdf)', async () => {
    const path = join(folder, 'sound.pdf');
    writeFileSync(path, await pdf);
    expect(spawnSync('qpdf', ['--check', path]).status).toBe(0);
  });
});
