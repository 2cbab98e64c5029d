/** The query page: an editor with the schema and the named queries beside it; its script asks and shows the answer. */
import { markup, type Markup } from '../../report/html.js';
import { namedQueries } from '../../store/namedQueries.js';
import type { Relation } from '../../store/query.js';
import { page } from './shell.js';
import { themeData } from './theme.js';

export interface QueryPageInput {
  readonly relations: readonly Relation[];
  readonly sweeps: readonly string[];
  /** What the editor holds to begin with: SQL, or the name of a named query. */
  readonly question: string;
  readonly sweep: string | null;
  readonly limitSeconds: number;
  readonly maxRows: number;
}

export function queryPage(input: QueryPageInput): Markup {
  const { relations, sweeps, question, sweep, limitSeconds, maxRows } = input;
  const named = namedQueries.find(({ name }) => name === question);
  const sql = named?.sql ?? (question === '' ? namedQueries[0]!.sql : question);
  const options = sweeps.map(
    (name) => markup`<option value="${name}"${name === sweep ? markup` selected` : null}>${name}</option>`,
  );
  return page({
    title: 'Query',
    section: 'query',
    script: 'query',
    charts: true,
    data: { theme: themeData(), ask: question !== '' },
    body: markup`<h1>Query</h1>
<p class="lead">Questions in SQL to the index of all runs. They only read, and are stopped after ${limitSeconds} s.</p>
<div class="query">
<div>
<form id="ask" aria-label="Question">
<label for="sql">SQL</label>
<textarea id="sql" name="sql" rows="9" spellcheck="false" autocapitalize="off" autocomplete="off">${sql}</textarea>
<p class="actions"><button type="submit">Ask</button> <span class="small"><kbd>Ctrl</kbd> <kbd>Enter</kbd></span>
<label class="inline">$sweep <select id="sweep"><option value="">all sweeps</option>${options}</select></label>
<span id="running" class="small" role="status"></span></p>
</form>
<p id="wrong" class="error" role="alert" hidden></p>
<section id="answer" aria-label="Answer" hidden>
<p class="actions"><span id="summary" role="status"></span> <button type="button" id="save-csv">Save CSV</button></p>
<form id="chart-form" class="filters" aria-label="Chart">
<label>Chart <select id="mark"><option value="">none</option><option value="point">points</option><option value="line">lines</option><option value="bar">bars</option></select></label>
<label>x <select id="x"></select></label><label>y <select id="y"></select></label><label>Colour <select id="color"></select></label>
<label class="inline"><input type="checkbox" id="x-log"> x log</label><label class="inline"><input type="checkbox" id="y-log"> y log</label>
</form>
<div id="chart" class="chart"></div>
<div class="scroll tall" role="region" aria-label="Rows of the answer" tabindex="0"><table id="rows"></table></div>
<p class="small" id="cut" hidden>The answer is longer: these are its first ${maxRows} rows.</p>
</section>
</div>
<aside aria-label="What can be asked">
<details open><summary>Named queries</summary><ul class="named">${namedQueries.map(namedItem)}</ul></details>
<details open><summary>Views</summary>${relations.filter(({ kind }) => kind === 'view').map(relationItem)}</details>
<details><summary>Tables</summary>${relations.filter(({ kind }) => kind === 'table').map(relationItem)}</details>
</aside>
</div>`,
  });
}

function namedItem({ name, description, sql }: (typeof namedQueries)[number]): Markup {
  return markup`<li><button type="button" class="link" data-sql="${sql}">${name}</button> ${description}</li>\n`;
}

function relationItem({ name, description, columns }: Relation): Markup {
  const buttons = columns.map(
    (column) =>
      markup`<li><button type="button" class="link" data-insert="${column}">${column}</button></li>`,
  );
  return markup`<details class="relation"><summary><code>${name}</code></summary>${description === null ? null : markup`<p class="small">${description}</p>`}
<p class="small"><button type="button" class="link" data-sql="SELECT * FROM ${name} LIMIT 100">its first 100 rows</button></p><ul class="columns">${buttons}</ul></details>\n`;
}
