/**
 * What runs in the page: draws the charts with vega-embed in the reader's theme and width, and serves the legend,
 * the scale switches and the downloads. Plain JavaScript as text, since a browser runs it as it stands; the two
 * functions it shares with the program are copied in from there.
 */
import { assembleSpec } from '../assemble.js';
import { datasetToCsv } from '../table.js';

const MAIN = `
const data = JSON.parse(document.getElementById('report-data').textContent);
const darkQuery = matchMedia('(prefers-color-scheme: dark)');
const hidden = new Set();
const figures = [...document.querySelectorAll('figure[data-chart]')].map((element) => ({
  id: element.dataset.chart,
  element,
  chart: data.charts[element.dataset.chart],
  place: element.querySelector('.chart'),
  scales: { ...data.charts[element.dataset.chart].scales },
  view: null,
}));

function specOf(figure, overrides) {
  return assembleSpec(figure.chart, {
    width: Math.max(260, Math.floor(figure.place.clientWidth)),
    config: data.pageConfig,
    standalone: false,
    colors: darkQuery.matches ? data.darkOf : {},
    scales: figure.scales,
    hidden: hiddenIn(figure),
    ...overrides,
  });
}

async function draw(figure) {
  const dense = figure.chart.dense === true;
  const drawnWithout = hiddenIn(figure).join();
  const result = await vegaEmbed(figure.place, specOf(figure, {}), {
    mode: 'vega-lite',
    actions: false,
    logLevel: vega.Error,
    renderer: dense ? 'canvas' : 'svg',
    tooltip: { theme: darkQuery.matches ? 'dark' : 'light' },
  });
  figure.view?.finalize();
  figure.view = result.view;
  figure.hidden = drawnWithout;
  await refresh(figure);
  figure.width = figure.place.clientWidth;
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 0));
function nearestFirst() {
  const away = (figure) => {
    const { top, bottom } = figure.place.getBoundingClientRect();
    return top > innerHeight ? top - innerHeight : bottom < 0 ? -bottom : 0;
  };
  return [...figures].sort((a, b) => away(a) - away(b));
}

let drawing = Promise.resolve();
function drawAll(wanted) {
  document.body.classList.toggle('dark-charts', darkQuery.matches);
  drawing = drawing.then(async () => {
    // Those in sight first, and room for the reader's own doings after each.
    for (const figure of nearestFirst()) {
      if (!wanted(figure)) continue;
      await pause();
      try {
        await draw(figure);
      } catch (error) {
        figure.place.textContent = 'This chart could not be drawn (' + error.message + '). Its values are in the table below.';
        console.error(error);
      }
    }
  });
  return drawing;
}

let showing = 0;
async function showArch(arch, shown) {
  if (shown) hidden.delete(arch);
  else hidden.add(arch);
  for (const button of document.querySelectorAll('.legend button')) {
    if (button.dataset.arch === arch) button.setAttribute('aria-pressed', String(shown));
  }
  // Those in sight first; a later press takes over, since it knows of this one.
  const turn = ++showing;
  for (const figure of nearestFirst()) {
    await pause();
    if (turn !== showing) return;
    await refresh(figure);
  }
}

/** The hidden series that a figure has to know of. */
function hiddenIn({ chart }) {
  return [...hidden].filter((series) => chart.archs.includes(series) || chart.categories !== undefined);
}

async function refresh(figure) {
  const names = hiddenIn(figure);
  if (figure.view === null || figure.hidden === names.join()) return;
  figure.hidden = names.join();
  await figure.view.signal('hiddenArchs', names).runAsync();
}

function save(figure, extension, content, type) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = data.name + '-' + figure.id + '.' + extension;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const downloads = {
  async svg(figure) {
    save(figure, 'svg', await withFigureView(figure, (view) => view.toSVG()), 'image/svg+xml');
  },
  async png(figure) {
    const canvas = await withFigureView(figure, (view) => view.toCanvas(2));
    save(figure, 'png', await new Promise((resolve) => canvas.toBlob(resolve, 'image/png')), 'image/png');
  },
  csv(figure) {
    const { csv, datasets } = figure.chart;
    save(figure, 'csv', datasetToCsv(typeof csv === 'string' ? datasets[csv] : csv), 'text/csv');
  },
  json(figure) {
    save(figure, 'vl.json', JSON.stringify(figureSpec(figure), null, 1), 'application/json');
  },
};

function figureSpec(figure) {
  return specOf(figure, { width: data.figureWidth, config: data.figureConfig, standalone: true, colors: {} });
}

async function withFigureView(figure, use) {
  const view = new vega.View(vega.parse(vegaLite.compile(figureSpec(figure)).spec), { renderer: 'none' });
  try {
    return await use(view);
  } finally {
    view.finalize();
  }
}

document.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button === null) return;
  const { arch, axis, scale, save: format } = button.dataset;
  if (arch !== undefined) return showArch(arch, button.getAttribute('aria-pressed') !== 'true');
  const figure = figures.find((candidate) => candidate.element.contains(button));
  if (figure === undefined) return;
  if (format !== undefined) return downloads[format](figure);
  if (axis !== undefined) {
    figure.scales[axis] = scale;
    for (const other of button.parentElement.querySelectorAll('button')) {
      other.setAttribute('aria-pressed', String(other === button));
    }
    return drawAll((candidate) => candidate === figure);
  }
});

darkQuery.addEventListener('change', () => drawAll(() => true));
let resizing = 0;
addEventListener('resize', () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => drawAll((figure) => figure.place.clientWidth !== figure.width), 150);
});
drawAll(() => true).then(() => document.documentElement.setAttribute('data-drawn', 'true'));
`;

export const SCRIPT = `(() => {
'use strict';
const assembleSpec = ${assembleSpec.toString()};
const datasetToCsv = ${datasetToCsv.toString()};
${MAIN}
})();
`;
