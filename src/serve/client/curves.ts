/** Draws the curves of the page's runs: loss, gradient norm and learning rate against steps, tokens or FLOPs. */
import { chartIn, lineSpec, type Theme } from './chart.js';
import { byId, create, pageData, typedById } from './dom.js';

interface CurvesData {
  readonly runs: readonly { readonly runKey: string; readonly label: string }[];
  /** Whether a run is under way, so that there will be more to show. */
  readonly live: boolean;
  readonly theme: Theme;
}

interface CurveRow {
  readonly step: number;
  readonly tokens: number;
  readonly flops: number;
  readonly lossNats: number | null;
  readonly gradNorm: number | null;
  readonly lr: number;
}

const AGAIN_MS = 5000;
const X_TITLES = { step: 'Step', tokens: 'Tokens', flops: 'Training FLOPs' } as const;
const CHARTS = [
  ['lossNats', 'Training loss, nats per token', 320, false],
  ['gradNorm', 'Gradient norm', 170, true],
  ['lr', 'Learning rate', 140, false],
] as const;

const { runs, live, theme } = pageData() as CurvesData;
const axis = typedById('x-axis', HTMLSelectElement);
const log = typedById('log-axis', HTMLInputElement);
const places = CHARTS.map(([, title]) => {
  const place = create('div', { className: 'chart' });
  place.setAttribute('role', 'img');
  place.setAttribute('aria-label', title);
  byId('charts').append(create('figure', {}, [create('figcaption', { text: title }), place]));
  return chartIn(place, theme);
});
let curves: Readonly<Record<string, readonly CurveRow[]>> = {};

async function load(): Promise<void> {
  const query = runs.map(({ runKey }) => `run=${encodeURIComponent(runKey)}`).join('&');
  const response = await fetch(`/api/curves?${query}`);
  if (!response.ok) throw new Error(`The curves could not be read (status ${response.status}).`);
  curves = (await response.json()) as typeof curves;
}

async function draw(): Promise<void> {
  const x = axis.value as keyof typeof X_TITLES;
  const series = runs.map(({ label }) => label);
  for (const [i, [field, title, height, logY]] of CHARTS.entries()) {
    const values = runs.flatMap(({ runKey, label }) =>
      (curves[runKey] ?? [])
        .filter((row) => row[field] !== null)
        .map((row) => ({ series: label, [x]: row[x], [field]: row[field] })),
    );
    const spec = lineSpec(
      {
        data: { values },
        x: { field: x, title: X_TITLES[x], log: log.checked },
        y: { field, title, log: logY },
        series,
        height,
      },
      theme,
    );
    await places[i]!.draw(spec);
  }
}

async function show(): Promise<void> {
  try {
    await load();
    if (Object.values(curves).every((rows) => rows.length === 0)) {
      byId('charts').textContent = 'No step of training is recorded yet.';
      return;
    }
    await draw();
  } catch (error) {
    byId('charts').textContent = error instanceof Error ? error.message : String(error);
  }
}

axis.addEventListener('change', () => void draw());
log.addEventListener('change', () => void draw());
void show().then(() => {
  document.documentElement.dataset['ready'] = 'true';
});
if (live) setInterval(() => void load().then(draw), AGAIN_MS);
