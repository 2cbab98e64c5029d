/** The report as one HTML file that needs nothing else: libraries, data, style and script are inside of it. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Chart, ScaleType } from '../charts/chart.js';
import { chartsOf, type Block, type ReportDocument, type Section } from '../document.js';
import { FIGURE_WIDTH } from '../figures.js';
import { html, inlineScript, jsonForScript, raw, type Html } from '../html.js';
import { richToHtml, richToPlain } from '../rich.js';
import { tableToHtml, type Dataset } from '../table.js';
import { chartConfig, DARK_OF, FIGURE_FONT, PAGE_FONT, type SeriesStyle } from '../theme.js';
import { SCRIPT } from './script.js';
import { STYLE } from './style.js';
import { swatch } from './swatch.js';

const require = createRequire(import.meta.url);

/** The browser builds of the charting libraries; their entry points lie in the same folders. */
const LIBRARIES = [
  ['vega', 'vega.min.js'],
  ['vega-lite', 'vega-lite.min.js'],
  ['vega-embed', 'vega-embed.min.js'],
] as const;

function librarySources(): Html[] {
  return LIBRARIES.map(([name, file]) => {
    const source = readFileSync(join(dirname(require.resolve(name)), file), 'utf8');
    return inlineScript(source.replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n'));
  });
}

/** Only the scripts written here may run, and nothing may be fetched from anywhere. */
function contentSecurityPolicy(scripts: readonly Html[]): string {
  const hashes = scripts.map(
    ({ markup }) => `'sha256-${createHash('sha256').update(markup, 'utf8').digest('base64')}'`,
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
  const scripts = [...librarySources(), inlineScript(SCRIPT)];
  const [answer, ...rest] = document.sections;
  const data = jsonForScript({
    name: document.name,
    figureWidth: FIGURE_WIDTH,
    pageConfig: { ...chartConfig(PAGE_FONT), background: 'transparent' },
    figureConfig: chartConfig(FIGURE_FONT),
    darkOf: DARK_OF,
    charts: Object.fromEntries(chartsOf(document).map((chart) => [chart.id, pageChart(chart)])),
  });
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${contentSecurityPolicy(scripts)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="generator" content="isoloss ${version}" />
        <meta name="color-scheme" content="light dark" />
        <title>${document.title}</title>
        <meta name="description" content="${richToPlain(document.summary)}" />
        <style>
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        <a class="skip" href="#answer">To the answer</a>
        <header>
          <h1>${document.title}</h1>
          <p class="summary">${richToHtml(document.summary)}</p>
          <nav aria-label="Sections">
            <ul>
              ${document.sections.map((section) => html`<li><a href="#${section.id}">${section.title}</a></li>`)}
            </ul>
          </nav>
        </header>
        <main>
          ${answer === undefined ? null : html`<section id="${answer.id}" aria-label="${answer.title}">${blocks(answer, styles)}</section>`}
          ${rest.map(
            (section) =>
              html`<section id="${section.id}">
                <h2>${section.title}</h2>
                ${blocks(section, styles)}
              </section> `,
          )}
        </main>
        <footer>
          <p>
            Written by isoloss ${version} from the runs of the sweep ${document.name}. Every number on this
            page was computed from them.
          </p>
        </footer>
        <script type="application/json" id="report-data">
          ${data}
        </script>
        ${scripts.map(
          (script) =>
            html`<script>
              ${script};
            </script> `,
        )}
      </body>
    </html> `.markup;
}

/** What the page's script needs of a chart; the CSV file's rows are named where a drawn dataset has them. */
function pageChart(chart: Chart): object {
  const csv: Dataset = chart.csv ?? chart.table.dataset;
  const drawn = Object.entries(chart.datasets).find(([, dataset]) => sameRows(dataset, csv));
  const { spec, layout, scales, alt, datasets, archs, dense } = chart;
  return { spec, layout, scales, alt, datasets, archs, dense: dense ?? false, csv: drawn?.[0] ?? csv };
}

function sameRows(a: Dataset, b: Dataset): boolean {
  return a === b || (a.rows.length === b.rows.length && JSON.stringify(a) === JSON.stringify(b));
}

function blocks(section: Section, styles: PageInput['styles']): Html[] {
  return section.blocks.map((block) => blockToHtml(block, styles));
}

function blockToHtml(block: Block, styles: PageInput['styles']): Html {
  switch (block.kind) {
    case 'prose':
      return html`<p>${richToHtml(block.text)}</p> `;
    case 'answers':
      return html`<ul class="answers">
        ${block.answers.map(
          ({ factor, decided, sentence, further }) =>
            html`<li${decided ? null : html` class="undecided"`}><span class="big" aria-hidden="true">${factor}</span><span class="text">${richToHtml(sentence)}${further === null ? null : html` <span class="further">${further}</span>`}</span></li>
`,
        )}
      </ul> `;
    case 'heading':
      return html`<h3 class="apart">${block.text}</h3> `;
    case 'list':
      return html`<ul>
        ${block.items.map((item) => html`<li>${richToHtml(item)}</li> `)}
      </ul> `;
    case 'chart':
      return chartToHtml(block.chart, styles);
    case 'table':
      return block.collapsed
        ? html`<details>
            <summary>${block.table.caption}</summary>
            ${tableToHtml(block.table)}
          </details> `
        : html`<div class="tablebox">${tableToHtml(block.table)}</div> `;
    case 'facts':
      return html`<dl>
        ${block.facts.map(
          ([term, text]) =>
            html`<dt>${term}</dt>
              <dd>${richToHtml(text)}</dd> `,
        )}
      </dl> `;
    case 'code':
      return html`<details>
        <summary>${block.summary}</summary>
        <pre tabindex="0"><code>${block.text}</code></pre>
      </details> `;
    default:
      return block satisfies never;
  }
}

function chartToHtml(chart: Chart, styles: PageInput['styles']): Html {
  return html`<figure id="${chart.id}" data-chart="${chart.id}" aria-labelledby="${chart.id}-title">
    <figcaption>
      <h3 id="${chart.id}-title">${chart.title}</h3>
      <p>${richToHtml(chart.caption)}</p>
    </figcaption>
    ${legend(chart, styles)}
    <div class="chart" role="img" aria-label="${chart.alt}"></div>
    <noscript><img src="figures/${chart.id}.svg" alt="${chart.alt}" /></noscript>
    <div class="tools">
      ${scaleSwitch(chart, 'x')}${scaleSwitch(chart, 'y')}
      <div role="group" aria-label="Download">
        <span>Save</span>${[
          ['svg', 'SVG'],
          ['png', 'PNG'],
          ['csv', 'CSV'],
          ['json', 'Vega-Lite'],
        ].map(([format, label]) => html`<button type="button" data-save="${format!}">${label!}</button>`)}
      </div>
    </div>
    <details>
      <summary>Table: ${chart.table.caption}</summary>
      ${tableToHtml(chart.table)}
    </details>
  </figure> `;
}

function legend(chart: Chart, styles: PageInput['styles']): Html | null {
  if (chart.archs.length === 0) return null;
  return html`<div class="legend" role="group" aria-label="Show or hide architectures in all charts">
    ${chart.archs.map(
      (arch) =>
        html`<button
          type="button"
          aria-pressed="true"
          data-arch="${arch}"
          title="Show or hide ${arch} in all charts"
        >
          ${swatch(styles.get(arch)!)}${arch}
        </button>`,
    )}
  </div> `;
}

function scaleSwitch(chart: Chart, axis: 'x' | 'y'): Html | null {
  const initial = chart.scales[axis];
  if (initial === undefined) return null;
  const types: readonly ScaleType[] = ['log', 'linear'];
  return html`<div role="group" aria-label="Scale of the ${axis === 'x' ? 'horizontal' : 'vertical'} axis">
    <span>${axis === 'x' ? 'Horizontal axis' : 'Vertical axis'}</span>${types.map(
      (type) =>
        html`<button
          type="button"
          data-axis="${axis}"
          data-scale="${type}"
          aria-pressed="${String(type === initial)}"
        >
          ${type}
        </button>`,
    )}
  </div>`;
}
