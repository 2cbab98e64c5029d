/** All runs: filters, order, groups, pages and the choice of runs to compare. Works without a script. */
import { formatPowerOfTen } from '../../report/format.js';
import { markup, type Markup } from '../../report/html.js';
import type { GroupName, ListedRun, RunGroup, RunListing, RunListState, SortName } from '../runList.js';
import { PAGE_ROWS, urlOf } from '../runList.js';
import { fixed, moment, plain, power, runLink, statusMark } from './format.js';
import { page } from './shell.js';

/** Most runs that can be compared at once. */
export const COMPARED = 12;

export function runsPage(state: RunListState, listing: RunListing): Markup {
  const { total, groups, runs, notice } = listing;
  return page({
    title: 'Runs',
    section: 'runs',
    script: 'runs',
    body: markup`<h1>Runs</h1>
${filterForm(state, listing)}
<p class="count" role="status">${total} ${total === 1 ? 'run' : 'runs'}${total > PAGE_ROWS ? `, ${PAGE_ROWS} a page` : ''}</p>
${state.group === null ? null : groupTable(state, state.group, groups)}
${runs.length === 0 ? markup`<p>${notice ?? 'No run matches.'} <a href="/runs">Show all runs</a></p>` : runForm(state, listing)}`,
  });
}

const GROUP_LABELS: Readonly<Record<GroupName, string>> = {
  sweep: 'Sweep',
  arch: 'Architecture',
  status: 'Status',
  positions: 'Positions',
  budget: 'Budget',
  size: 'Size',
};

function option(value: string, label: string, chosen: boolean): Markup {
  return markup`<option value="${value}"${chosen ? markup` selected` : null}>${label}</option>`;
}

/** A size as people write it: `32x2` is 32 × 2. */
function sizeText(size: string): string {
  return size.replace('x', ' × ');
}

function filterForm(state: RunListState, { choices }: RunListing): Markup {
  const { filters } = state;
  const select = (name: GroupName, show: (value: string) => string = (value) => value): Markup => {
    const chosen = filters[name];
    const values =
      chosen === undefined || choices[name].includes(chosen) ? choices[name] : [...choices[name], chosen];
    const options = values.map((value) => option(value, show(value), value === chosen));
    return markup`<label>${GROUP_LABELS[name]}<select name="${name}">${option('', 'all', chosen === undefined)}${options}</select></label>`;
  };
  const groups = Object.entries(GROUP_LABELS).map(([name, label]) =>
    option(name, label, state.group === name),
  );
  const order = [
    ...(state.sort === 'arch' ? [] : [markup`<input type="hidden" name="sort" value="${state.sort}">`]),
    ...(state.descending ? [markup`<input type="hidden" name="order" value="desc">`] : []),
  ];
  return markup`<form class="filters" action="/runs" method="get" role="search" aria-label="Filter runs">
${select('sweep')}${select('arch')}${select('status')}${select('positions')}${select('budget', (value) => formatPowerOfTen(Number(value)))}${select('size', sizeText)}
<label>Text<input type="search" name="q" value="${filters.q ?? ''}" placeholder="key, cause, name" autocomplete="off"></label>
<label>Group by<select name="group">${option('', 'nothing', state.group === null)}${groups}</select></label>
${order}<button type="submit">Show</button> <a href="/runs">Reset</a>
</form>`;
}

function groupTable(state: RunListState, group: GroupName, groups: readonly RunGroup[]): Markup {
  const rows = groups.map(({ value, runs, done, failed, bestTestLossNats, meanTestLossNats, flops }) => {
    const text = value === null ? 'none' : String(value);
    const shown = group === 'budget' && typeof value === 'number' ? formatPowerOfTen(value) : sizeText(text);
    const inGroup = urlOf({ ...state, group: null, page: 1, filters: { ...state.filters, [group]: text } });
    const name =
      value === null
        ? markup`${shown}`
        : markup`<a href="${inGroup}">${group === 'size' || group === 'budget' ? shown : text}</a>`;
    return markup`<tr><td>${name}</td><td class="n">${runs}</td><td class="n">${done}</td><td class="n">${failed}</td><td class="n">${fixed(bestTestLossNats, 3)}</td><td class="n">${fixed(meanTestLossNats, 3)}</td><td class="n">${power(flops)}</td></tr>\n`;
  });
  return markup`<div class="scroll" role="region" aria-label="Groups" tabindex="0"><table class="groups">
<thead><tr><th scope="col">${GROUP_LABELS[group]}</th><th scope="col" class="n">Runs</th><th scope="col" class="n">Done</th><th scope="col" class="n">Failed or diverged</th><th scope="col" class="n">Lowest test loss</th><th scope="col" class="n">Mean test loss</th><th scope="col" class="n">FLOPs spent</th></tr></thead>
<tbody>
${rows}</tbody></table></div>`;
}

const COLUMNS: readonly (readonly [SortName | null, string, 'n' | ''])[] = [
  [null, 'Run', ''],
  ['sweep', 'Sweep', ''],
  ['arch', 'Architecture', ''],
  ['size', 'Size', 'n'],
  ['budget', 'Budget, FLOPs', 'n'],
  ['seed', 'Seed', 'n'],
  ['lr', 'Learning rate', 'n'],
  ['status', 'Status', ''],
  [null, 'Steps', 'n'],
  ['val', 'Validation', 'n'],
  ['test', 'Test', 'n'],
  ['speed', 'Tokens/s', 'n'],
  ['finished', 'Finished, UTC', ''],
];

function runForm(state: RunListState, listing: RunListing): Markup {
  const heads = COLUMNS.map(([sort, label, kind]) => headCell(state, sort, label, kind));
  return markup`<form action="/compare" method="get" id="compare">
<p class="actions"><button type="submit">Compare the chosen runs</button> <span class="small" id="chosen">up to ${COMPARED}</span></p>
<div class="scroll" role="region" aria-label="Runs" tabindex="0"><table class="runs">
<thead><tr><th scope="col"><span class="hidden">Choose</span></th>${heads}</tr></thead>
<tbody>
${listing.runs.map(runRow)}</tbody></table></div>
</form>
${pager(state, listing.pages)}`;
}

function headCell(state: RunListState, sort: SortName | null, label: string, kind: string): Markup {
  const css = kind === '' ? null : markup` class="n"`;
  if (sort === null) return markup`<th scope="col"${css}>${label}</th>`;
  const isCurrent = state.sort === sort;
  const descending = isCurrent && !state.descending;
  const aria = isCurrent ? markup` aria-sort="${state.descending ? 'descending' : 'ascending'}"` : null;
  const mark = isCurrent ? (state.descending ? ' ↓' : ' ↑') : '';
  return markup`<th scope="col"${css}${aria}><a href="${urlOf({ ...state, sort, descending, page: 1 })}">${label}${mark}</a></th>`;
}

function runRow(run: ListedRun): Markup {
  const { runKey, sweep, arch, dModel, nLayers, steps, stepsDone, imported } = run;
  const choose =
    imported === 1 || run.status === 'planned'
      ? null
      : markup`<input type="checkbox" name="run" value="${runKey}" aria-label="Compare ${arch} ${runKey}">`;
  const name =
    imported === 1
      ? markup`<span class="key">${runKey}</span> <span class="status imported">imported</span>`
      : run.status === 'planned'
        ? markup`<span class="key">${runKey}</span>`
        : runLink(runKey);
  const size = dModel === null || nLayers === null ? '–' : `${dModel} × ${nLayers}`;
  const progress = steps === null ? '–' : stepsDone === steps ? String(steps) : `${stepsDone} / ${steps}`;
  const sweepCell =
    sweep === null ? markup`–` : markup`<a href="/sweeps/${encodeURIComponent(sweep)}">${sweep}</a>`;
  return markup`<tr><td>${choose}</td><td>${name}</td><td>${sweepCell}</td><td>${arch}</td><td class="n">${size}</td><td class="n">${power(run.budgetFlops)}</td><td class="n">${run.seed}</td><td class="n">${plain(run.learningRate)}</td><td>${statusMark(run.status)}</td><td class="n">${progress}</td><td class="n">${fixed(run.valLossNats, 3)}</td><td class="n">${fixed(run.testLossNats, 3)}</td><td class="n">${fixed(run.tokensPerSecond, 0)}</td><td>${moment(run.finishedAt)}</td></tr>\n`;
}

function pager(state: RunListState, pages: number): Markup | null {
  if (pages <= 1) return null;
  const current = Math.min(state.page, pages);
  const near = [1, current - 2, current - 1, current, current + 1, current + 2, pages];
  const numbers = [...new Set(near)].filter((number) => number >= 1 && number <= pages).sort((a, b) => a - b);
  const items = numbers.map((number, i) => {
    const gap = i > 0 && number > numbers[i - 1]! + 1 ? markup`<li aria-hidden="true">…</li>` : null;
    const link = urlOf({ ...state, page: number });
    return number === current
      ? markup`${gap}<li><a href="${link}" aria-current="page">${number}</a></li>`
      : markup`${gap}<li><a href="${link}">${number}</a></li>`;
  });
  const step = (to: number, label: string, rel: string): Markup | null =>
    to < 1 || to > pages
      ? null
      : markup`<li><a rel="${rel}" href="${urlOf({ ...state, page: to })}">${label}</a></li>`;
  return markup`<nav class="pager" aria-label="Pages of runs"><ul>${step(current - 1, 'Previous', 'prev')}${items}${step(current + 1, 'Next', 'next')}</ul></nav>`;
}
