/** A sweep's page: how far it is, its best sizes so far, and where to go from there. */
import { markup, type Markup } from '../../report/html.js';
import type { LiveState } from '../live/messages.js';
import { fixed, power } from './format.js';
import { livePanel } from './overview.js';
import { page, path } from './shell.js';
import { themeData } from './theme.js';

export interface BestRow {
  readonly arch: string;
  readonly budgetFlops: number;
  readonly dModel: number;
  readonly nLayers: number;
  readonly seeds: number;
  readonly valLossNats: number | null;
  readonly testLossNats: number | null;
  readonly edge: string | null;
}

export interface SweepPageInput {
  readonly sweep: string;
  readonly title: string | null;
  readonly description: string | null;
  readonly imported: boolean;
  readonly state: LiveState;
  readonly best: readonly BestRow[];
}

export function sweepPage({ sweep, title, description, imported, state, best }: SweepPageInput): Markup {
  const links = [
    markup`<a class="button" href="${path('reports', sweep)}">Report</a>`,
    markup`<a class="button" href="/runs?sweep=${encodeURIComponent(sweep)}">Runs</a>`,
    markup`<a class="button" href="/query?q=best-per-budget&amp;sweep=${encodeURIComponent(sweep)}">Query</a>`,
  ];
  return page({
    title: title ?? sweep,
    section: 'overview',
    script: 'overview',
    charts: true,
    data: { state, sweep, theme: themeData() },
    body: markup`<h1>${title ?? sweep}</h1>
<p class="lead">${imported ? 'Imported runs' : 'Sweep'} <code>${sweep}</code>${description === null ? null : markup`. ${description}`}</p>
<p class="actions">${links}</p>
<div id="sweeps"></div>
${imported ? null : livePanel()}
${bestTable(best)}`,
  });
}

function bestTable(best: readonly BestRow[]): Markup | null {
  if (best.length === 0) return null;
  const rows = best.map(
    (row) =>
      markup`<tr><td>${row.arch}</td><td class="n">${power(row.budgetFlops)}</td><td class="n">${row.dModel} × ${row.nLayers}</td><td class="n">${row.seeds}</td><td class="n">${fixed(row.valLossNats, 3)}</td><td class="n">${fixed(row.testLossNats, 3)}</td><td>${row.edge ?? ''}</td></tr>\n`,
  );
  return markup`<section aria-labelledby="best-title"><h2 id="best-title">Best sizes so far</h2>
<div class="scroll" role="region" aria-labelledby="best-title" tabindex="0"><table>
<thead><tr><th scope="col">Architecture</th><th scope="col" class="n">Budget, FLOPs</th><th scope="col" class="n">Width × layers</th><th scope="col" class="n">Seeds</th><th scope="col" class="n">Validation loss</th><th scope="col" class="n">Test loss</th><th scope="col">Edge</th></tr></thead>
<tbody>
${rows}</tbody></table></div>
<p class="small">Losses in nats per token. Validation chooses, test is reported. An edge says that the best size is the smallest or the largest one tried.</p></section>`;
}
