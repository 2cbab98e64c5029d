/** The report as one HTML file that needs nothing else: libraries, data, style and script are inside of it. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Chart } from '../charts/chart.js';
import { chartsOf, type ReportDocument, type Section } from '../document.js';
import { FIGURE_WIDTH } from '../figures.js';
import { inlineScript, jsonForScript, markup, raw, type Markup } from '../html.js';
import { richToHtml, richToPlain } from '../rich.js';
import type { Dataset } from '../table.js';
import { chartConfig, DARK_OF, FIGURE_FONT, PAGE_FONT, type SeriesStyle } from '../theme.js';
import { blockToHtml, chartAnchor } from './blocks.js';
import { CHART_LIBRARIES, libraryPath } from './libraries.js';
import { SCRIPT } from './script.js';
import { STYLE } from './style.js';

function librarySources(): Markup[] {
  return CHART_LIBRARIES.map((name) => {
    const source = readFileSync(libraryPath(name), 'utf8');
    return inlineScript(source.replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n'));
  });
}

/** Only the scripts written here may run, and nothing may be fetched from anywhere. */
function contentSecurityPolicy(scripts: readonly Markup[]): string {
  const hashes = scripts.map(
    ({ html }) => `'sha256-${createHash('sha256').update(html, 'utf8').digest('base64')}'`,
  );
  return [
    "default-src 'none'",
    // Vega compiles its expressions to functions.
    `script-src 'unsafe-eval' ${hashes.join(' ')}`,
    "style-src 'unsafe-inline'",
    "img-src 'self' file: data: blob:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

export interface PageInput {
  readonly document: ReportDocument;
  readonly styles: ReadonlyMap<string, SeriesStyle>;
  /** Version of isoloss that wrote the page. */
  readonly version: string;
}

/** Renders the page. The same document gives the same bytes. */
export function renderPage({ document, styles, version }: PageInput): string {
  const { name, title, summary, sections } = document;
  const scripts = [...librarySources(), inlineScript(SCRIPT)];
  const links = sections.map((section) => markup`<li><a href="#${section.id}">${section.title}</a></li>`);
  const data = jsonForScript({
    name,
    figureWidth: FIGURE_WIDTH,
    pageConfig: { ...chartConfig(PAGE_FONT), background: 'transparent' },
    figureConfig: chartConfig(FIGURE_FONT),
    darkOf: DARK_OF,
    charts: Object.fromEntries(chartsOf(document).map((chart) => [chart.id, pageChart(chart)])),
  });
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="isoloss ${version}">
<meta http-equiv="Content-Security-Policy" content="${contentSecurityPolicy(scripts)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<meta name="description" content="${richToPlain(summary)}">
<style>${raw(STYLE)}</style>
</head>
<body>
<a class="skip" href="#answer">To the answer</a>
<header>
<h1>${title}</h1>
<p class="summary">${richToHtml(summary)}</p>
<nav aria-label="Sections"><ul>${links}</ul></nav>
</header>
<main>
${sections.map((section, i) => sectionToHtml(section, i === 0, styles))}</main>
<footer><p>Written by isoloss ${version} from the runs of the sweep ${name}. Every number on this page was computed from them.</p></footer>
<script type="application/json" id="report-data">${data}</script>
${scripts.map((script) => markup`<script>${script}</script>\n`)}</body>
</html>
`.html;
}

/** A section under its heading; that of the first one, which opens the page, is for those who go by headings. */
function sectionToHtml({ id, title, blocks }: Section, first: boolean, styles: PageInput['styles']): Markup {
  const body = blocks.map((block) => blockToHtml(block, styles));
  if (first) return markup`<section id="${id}">\n<h2 class="unseen">${title}</h2>\n${body}</section>\n`;
  return markup`<section id="${id}">\n<h2>${title}</h2>\n${contents(blocks, title)}${body}</section>\n`;
}

/** With more charts than this a section says at its head what there is. */
const MOST_WITHOUT_CONTENTS = 5;

function contents(blocks: Section['blocks'], title: string): Markup | null {
  const charts = blocks.flatMap((block) => (block.kind === 'chart' ? [block.chart] : []));
  if (charts.length <= MOST_WITHOUT_CONTENTS) return null;
  const links = charts.map(
    (chart) => markup`<li><a href="#${chartAnchor(chart.id)}">${chart.title}</a></li>\n`,
  );
  return markup`<nav class="contents" aria-label="${title}"><ul>${links}</ul></nav>\n`;
}

/** What the page's script needs of a chart; the CSV file's rows are named where a drawn dataset has them. */
function pageChart(chart: Chart): object {
  const csv: Dataset = chart.csv ?? chart.table.dataset;
  const drawn = Object.entries(chart.datasets).find(([, dataset]) => sameRows(dataset, csv));
  const { spec, layout, scales, alt, datasets, archs, categories, dense } = chart;
  return {
    spec,
    layout,
    scales,
    alt,
    datasets,
    archs,
    categories,
    dense: dense ?? false,
    csv: drawn?.[0] ?? csv,
  };
}

function sameRows(a: Dataset, b: Dataset): boolean {
  return a === b || (a.rows.length === b.rows.length && JSON.stringify(a) === JSON.stringify(b));
}
