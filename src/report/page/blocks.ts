/** The blocks of a document as HTML. */
import type { Chart, ScaleType } from '../charts/chart.js';
import type { Answer, Block } from '../document.js';
import { markup, type Markup } from '../html.js';
import { richToHtml } from '../rich.js';
import { tableToHtml } from '../table.js';
import type { SeriesStyle } from '../theme.js';
import { swatch, symbol } from './swatch.js';

type Styles = ReadonlyMap<string, SeriesStyle>;

export function blockToHtml(block: Block, styles: Styles): Markup {
  switch (block.kind) {
    case 'prose':
      return markup`<p${block.muted === true ? markup` class="muted"` : null}>${richToHtml(block.text)}</p>\n`;
    case 'answers':
      return markup`<ul class="${block.answers.some(isRange) ? 'answers wide' : 'answers'}">\n${block.answers.map(answerToHtml)}</ul>\n`;
    case 'heading':
      return markup`<h3 class="apart">${block.text}</h3>\n`;
    case 'list': {
      const list = markup`<ul>\n${block.items.map((item) => markup`<li>${richToHtml(item)}</li>\n`)}</ul>\n`;
      if (block.summary === undefined) return list;
      return markup`<details><summary>${block.summary}</summary>${list}</details>\n`;
    }
    case 'chart':
      return chartToHtml(block.chart, styles);
    case 'table': {
      const { table, collapsed } = block;
      if (!collapsed) return markup`<div class="tablebox">${tableToHtml(table)}</div>\n`;
      return markup`<details><summary>${table.caption}</summary>${tableToHtml(table)}</details>\n`;
    }
    case 'facts': {
      const facts = block.facts.map(([term, text]) => markup`<dt>${term}</dt><dd>${richToHtml(text)}</dd>\n`);
      return markup`<dl>\n${facts}</dl>\n`;
    }
    case 'code':
      return markup`<details><summary>${block.summary}</summary><pre tabindex="0"><code>${block.text}</code></pre></details>\n`;
    default:
      return block satisfies never;
  }
}

/** A factor that several families give differently: `1.04–1.98×`. */
function isRange({ factor }: Answer): boolean {
  return /\d–/.test(factor);
}

function answerToHtml({ factor, tone, sentence, further }: Answer): Markup {
  const big = markup`<span class="big" aria-hidden="true">${factor}</span>`;
  const more = further === null ? null : markup` <span class="further">${further}</span>`;
  return markup`<li class="${tone}">${big}<span class="text">${richToHtml(sentence)}${more}</span></li>\n`;
}

/** The place of a chart on the page: sections have names of the same kind. */
export const chartAnchor = (id: string): string => `chart-${id}`;

/** A figure: caption, legend, the place of the chart, its tools, and its table. */
function chartToHtml(chart: Chart, styles: Styles): Markup {
  const { id, title, caption, alt, table } = chart;
  return markup`<figure id="${chartAnchor(id)}" data-chart="${id}" aria-labelledby="${id}-title">
<figcaption><h3 id="${id}-title">${title}</h3><p>${richToHtml(caption)}</p></figcaption>
${legend(chart, styles)}<div class="chart" role="img" aria-label="${alt}"></div>
<noscript><img src="figures/${id}.svg" alt="${alt}"></noscript>
<div class="tools">${scaleSwitch(chart, 'x')}${scaleSwitch(chart, 'y')}${downloads()}</div>
<details><summary>Table: ${table.caption}</summary>${tableToHtml(table)}</details>
</figure>
`;
}

function legend({ id, archs, categories }: Chart, styles: Styles): Markup | null {
  if (categories !== undefined) {
    const buttons = categories.series.map(({ name, color, shape }) =>
      legendButton(`${id}/${name}`, `Show or hide ${name}`, markup`${symbol(color, shape)}${name}`),
    );
    return markup`<div class="legend" role="group" aria-label="Show or hide parts of this chart">${buttons}</div>\n`;
  }
  if (archs.length === 0) return null;
  const buttons = archs.map((arch) =>
    legendButton(arch, `Show or hide ${arch} in all charts`, markup`${swatch(styles.get(arch)!)}${arch}`),
  );
  return markup`<div class="legend" role="group" aria-label="Show or hide architectures in all charts">${buttons}</div>\n`;
}

function legendButton(series: string, title: string, content: Markup): Markup {
  return markup`<button type="button" aria-pressed="true" data-arch="${series}" title="${title}">${content}</button>`;
}

function scaleSwitch(chart: Chart, axis: 'x' | 'y'): Markup | null {
  const initial = chart.scales[axis];
  if (initial === undefined) return null;
  const name = axis === 'x' ? 'Horizontal axis' : 'Vertical axis';
  const types: readonly ScaleType[] = ['log', 'linear'];
  const buttons = types.map(
    (type) =>
      markup`<button type="button" data-axis="${axis}" data-scale="${type}" aria-pressed="${String(type === initial)}">${type}</button>`,
  );
  return markup`<div role="group" aria-label="Scale of the ${name.toLowerCase()}"><span>${name}</span>${buttons}</div>`;
}

const FORMATS = [
  ['svg', 'SVG'],
  ['png', 'PNG'],
  ['csv', 'CSV'],
  ['json', 'Vega-Lite'],
] as const;

function downloads(): Markup {
  const buttons = FORMATS.map(
    ([format, label]) => markup`<button type="button" data-save="${format}">${label}</button>`,
  );
  return markup`<div role="group" aria-label="Download"><span>Save</span>${buttons}</div>`;
}
