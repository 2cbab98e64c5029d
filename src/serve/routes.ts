/** Which address gives what. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { markup } from '../report/html.js';
import { CHART_LIBRARIES, libraryPath } from '../report/page/libraries.js';
import { listRelations } from '../store/query.js';
import { answerQuery, MAX_ROWS } from './api/query.js';
import { answerSample } from './api/sample.js';
import { streamLive } from './api/live.js';
import type { Sampler } from './samples/sampler.js';
import { ICON, STYLE } from './pages/style.js';
import { comparePage } from './pages/compare.js';
import { overviewPage } from './pages/overview.js';
import { queryPage } from './pages/query.js';
import { runPage } from './pages/run.js';
import { path } from './pages/shell.js';
import { COMPARED, runsPage } from './pages/runs.js';
import { sweepPage, type BestRow } from './pages/sweep.js';
import type { Monitor } from './live/monitor.js';
import type { QueryHost } from './query/queryHost.js';
import type { Reports } from './reports.js';
import { HttpError, sendFile, sendJson, sendPage, sendText } from './respond.js';
import { listFiles, readCurve, readRun, RUN_FILES, type RunDetail } from './runDetail.js';
import { listRuns, noSweepText, stateOf, sweepNames } from './runList.js';
import type { ServedIndex } from './servedIndex.js';

/** Everything that pages are made from. */
export interface Site {
  readonly resultsDir: string;
  readonly index: ServedIndex;
  readonly monitor: Monitor;
  readonly queries: QueryHost;
  readonly reports: Reports;
  readonly sampler: Sampler;
  readonly queryLimitSeconds: number;
  readonly clientDir: string;
}

interface Asked {
  readonly site: Site;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** What the address has in its places, decoded. */
  readonly places: readonly string[];
}

type Handler = (asked: Asked) => void | Promise<void>;

/** Addresses with `*` for a place of any text. */
const ROUTES: Readonly<Record<string, Handler>> = {
  '/': showOverview,
  '/sweeps/*': showSweep,
  '/reports/*': showReport,
  '/runs': showRuns,
  '/runs/*': showRun,
  '/runs/*/files/*': sendRunFile,
  '/compare': showComparison,
  '/query': showQuery,
  '/api/live': ({ site, request, response }) => streamLive(site.monitor, request, response),
  '/api/state': ({ site, response }) => sendJson(response, site.monitor.look()),
  '/api/curves': sendCurves,
  '/style.css': ({ response }) => sendText(response, STYLE, 'text/css'),
  '/icon.svg': ({ response }) => sendText(response, ICON, 'image/svg+xml'),
  '/vendor/*': sendLibrary,
  '/client/*': sendClient,
};

/** Points of a curve on a run's page, and of each one in a comparison. */
const CURVE_POINTS = 1000;

/**
 * Answers a request that was let in.
 *
 * @throws HttpError where there is nothing at the address, or not by that method
 */
export async function answerRequest(
  site: Site,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  if (request.method === 'POST' && url.pathname === '/api/query') {
    await answerQuery(site, request, response);
    return;
  }
  if (request.method === 'POST' && url.pathname === '/api/sample') {
    await answerSample(site, request, response);
    return;
  }
  for (const [pattern, handler] of Object.entries(ROUTES)) {
    const places = match(pattern, url.pathname);
    if (places === null) continue;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new HttpError(405, 'This address can only be read.');
    }
    await handler({ site, request, response, url, places });
    return;
  }
  throw new HttpError(404, 'There is nothing at this address.');
}

/** The texts at the stars of a pattern, or null where the path is another one. */
function match(pattern: string, pathname: string): string[] | null {
  const wanted = pattern.split('/');
  const given = pathname.split('/');
  if (wanted.length !== given.length) return null;
  const places: string[] = [];
  for (const [i, part] of wanted.entries()) {
    if (part === '*' && given[i] !== '') places.push(decode(given[i]!));
    else if (part !== given[i]) return null;
  }
  return places;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpError(400, 'The address is not well formed.');
  }
}

const PROBLEMS_READ = 1000;

function showOverview({ site, response }: Asked): void {
  const { index, monitor } = site;
  const problems = index.rows<{ path: string; problem: string }>(
    `SELECT path, problem FROM problems ORDER BY path LIMIT ${PROBLEMS_READ}`,
  );
  sendPage(response, overviewPage({ state: monitor.look(), notices: index.notices, problems }));
}

function showSweep({ site, response, places }: Asked): void {
  const { index, monitor } = site;
  const sweep = places[0]!;
  const known = index.rows<{ title: string | null; description: string | null; imported: number }>(
    `SELECT title, description, 0 AS imported FROM sweeps WHERE sweep = $sweep
     UNION ALL SELECT title, NULL, 1 FROM imported_sets WHERE sweep = $sweep`,
    { sweep },
  )[0];
  if (known === undefined) throw new HttpError(404, noSweepText(index, sweep));
  const best = index.rows<BestRow>(
    `SELECT arch, budgetFlops, dModel, nLayers, seeds, valLossNats, testLossNats, edge FROM best_per_budget
     WHERE sweep = $sweep ORDER BY budgetFlops, valLossNats`,
    { sweep },
  );
  const { title, description } = known;
  const page = sweepPage({
    sweep,
    title,
    description,
    imported: known.imported === 1,
    state: monitor.look(),
    best,
  });
  sendPage(response, page);
}

/** The report comes with its own policy; a sandbox keeps its scripts, which may make functions of texts, from the rest. */
async function showReport({ site, response, places }: Asked): Promise<void> {
  const sweep = places[0]!;
  const html = await site.reports.page(sweep);
  const back = markup`<header>\n<p><a href="${path('sweeps', sweep)}">← ${sweep}</a></p>`;
  response.setHeader(
    'Content-Security-Policy',
    "sandbox allow-scripts allow-downloads; frame-ancestors 'none'; form-action 'none'",
  );
  const page = html
    .replace('<title>', () => '<link rel="icon" href="data:,">\n<title>')
    .replace('<header>', () => back.html);
  sendText(response, page, 'text/html');
}

function showRuns({ site, response, url }: Asked): void {
  const state = stateOf(url.searchParams);
  sendPage(response, runsPage(state, listRuns(site.index, state)));
}

function requireRun(index: ServedIndex, runKey: string): RunDetail {
  const run = readRun(index, runKey);
  if (run === null) throw new HttpError(404, `There is no run ${runKey}, or it has not been started.`);
  return run;
}

function showRun({ site, response, places }: Asked): void {
  const run = requireRun(site.index, places[0]!);
  sendPage(response, runPage({ run, files: listFiles(site.resultsDir, run.directory) }));
}

async function sendRunFile({ site, response, places }: Asked): Promise<void> {
  const [runKey = '', name = ''] = places;
  const { directory } = requireRun(site.index, runKey);
  const type = Object.hasOwn(RUN_FILES, name) ? RUN_FILES[name] : undefined;
  if (type === undefined) throw new HttpError(404, 'This file of a run is not shown.');
  await sendFile(response, join(site.resultsDir, directory, name), type, { name: `${runKey}-${name}` });
}

function chosenRuns(url: URL): string[] {
  const keys = [...new Set(url.searchParams.getAll('run'))];
  if (keys.length === 0) throw new HttpError(400, 'No run was chosen: tick some in the list of runs.');
  if (keys.length > COMPARED) {
    throw new HttpError(400, `${keys.length} runs were chosen; at most ${COMPARED} fit beside each other.`);
  }
  return keys;
}

function showComparison({ site, response, url }: Asked): void {
  sendPage(response, comparePage(chosenRuns(url).map((runKey) => requireRun(site.index, runKey))));
}

function sendCurves({ site, response, url }: Asked): void {
  const keys = chosenRuns(url);
  const curves = keys.map((runKey) => [runKey, readCurve(site.index, runKey, CURVE_POINTS)] as const);
  sendJson(response, Object.fromEntries(curves));
}

function showQuery({ site, response, url }: Asked): void {
  const { index } = site;
  const sweeps = sweepNames(index);
  const page = queryPage({
    relations: listRelations(index.db()),
    sweeps,
    question: url.searchParams.get('q') ?? '',
    sweep: url.searchParams.get('sweep'),
    limitSeconds: site.queryLimitSeconds,
    maxRows: MAX_ROWS,
  });
  sendPage(response, page);
}

const CACHED = { 'Cache-Control': 'private, max-age=3600' };

async function sendLibrary({ response, places }: Asked): Promise<void> {
  const name = CHART_LIBRARIES.find((library) => `${library}.js` === places[0]);
  if (name === undefined) throw new HttpError(404, 'There is no such library.');
  await sendFile(response, libraryPath(name), 'text/javascript; charset=utf-8', { headers: CACHED });
}

async function sendClient({ site, response, places }: Asked): Promise<void> {
  const name = places[0]!;
  if (!/^\w+\.js$/.test(name)) throw new HttpError(404, 'There is no such script.');
  await sendFile(response, join(site.clientDir, name), 'text/javascript; charset=utf-8');
}
