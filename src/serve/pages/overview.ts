/** The first page: what runs at the moment, and the sweeps there are. Its script fills in the numbers as they change. */
import { markup, type Markup } from '../../report/html.js';
import type { LiveState } from '../live/messages.js';
import { page } from './shell.js';
import { themeData } from './theme.js';

export interface OverviewInput {
  readonly state: LiveState;
  readonly notices: readonly string[];
  readonly problems: readonly { readonly path: string; readonly problem: string }[];
}

const PROBLEMS_SHOWN = 20;

export function overviewPage({ state, notices, problems }: OverviewInput): Markup {
  return page({
    title: 'Overview',
    section: 'overview',
    script: 'overview',
    charts: true,
    data: { state, sweep: null, theme: themeData() },
    body: markup`<h1>Overview</h1>
${notices.map((notice) => markup`<p class="notice">${notice}</p>\n`)}${livePanel()}
<section aria-labelledby="sweeps-title"><h2 id="sweeps-title">Sweeps</h2>
<div id="sweeps"></div>
<noscript><p>This page needs its script to follow what changes. <a href="/runs">The runs</a> need none.</p></noscript>
</section>
${problemList(problems)}`,
  });
}

/** Runs under way: filled by the script, hidden while there are none. */
export function livePanel(): Markup {
  return markup`<p id="connection" class="notice" role="status" hidden></p>
<section id="live" aria-labelledby="live-title"><h2 id="live-title">Under way</h2>
<p id="idle">No run is under way. <code>isoloss run SWEEP</code> starts or continues one.</p>
<div id="workers"></div>
<figure id="live-figure" hidden><figcaption>Training loss of the runs under way</figcaption>
<div id="live-chart" class="chart" role="img" aria-label="Training loss against steps of the runs under way; their last losses are in the table above."></div></figure>
</section>`;
}

function problemList(problems: OverviewInput['problems']): Markup | null {
  if (problems.length === 0) return null;
  const shown = problems.slice(0, PROBLEMS_SHOWN);
  const more = problems.length - shown.length;
  return markup`<section aria-labelledby="problems-title"><h2 id="problems-title">Problems</h2>
<ul class="problems">${shown.map(({ path, problem }) => markup`<li><code>${path}</code> ${problem}</li>\n`)}</ul>
${more > 0 ? markup`<p>And ${more} more: <code>isoloss query problems</code> lists them all.</p>` : null}</section>`;
}
