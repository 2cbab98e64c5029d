/** Runs beside each other: where their configurations differ, their results, and their curves in one picture. */
import { markup, type Markup } from '../../report/html.js';
import type { RunRecord } from '../../store/record.js';
import type { RunDetail } from '../runDetail.js';
import { setupFacts } from './facts.js';
import { fixed, power, runLink } from './format.js';
import { curveFigures } from './run.js';
import { page } from './shell.js';
import { themeData } from './theme.js';

export function comparePage(runs: readonly RunDetail[]): Markup {
  const records = runs.map(({ record }) => record);
  const labels = labelsOf(records);
  const heads = records.map(
    ({ runKey }, i) => markup`<th scope="col">${labels[i]!}<br>${runLink(runKey)}</th>`,
  );
  const facts = records.map((record) => [...resultFacts(record), ...setupFacts(record)]);
  const names = facts[0]!.map(([name]) => name);
  const rows = names.map((name, row) => {
    const values = facts.map((entries) => entries[row]![1]);
    const differs = new Set(values).size > 1;
    const cells = values.map((value) => markup`<td>${value}</td>`);
    return markup`<tr${differs ? markup` class="differs"` : null}><th scope="row">${name}${differs ? markup`<span class="hidden"> (differs)</span>` : null}</th>${cells}</tr>\n`;
  });
  return page({
    title: 'Compare',
    section: 'runs',
    script: 'curves',
    charts: true,
    data: {
      runs: records.map(({ runKey }, i) => ({ runKey, label: labels[i]! })),
      live: records.some(({ status }) => status === 'running'),
      theme: themeData(),
    },
    body: markup`<h1>${runs.length === 1 ? 'One run' : `${runs.length} runs compared`}</h1>
${curveFigures()}
<section aria-labelledby="facts-title"><h2 id="facts-title">Results and configurations</h2>
<p class="small">What differs is set in bold.</p>
<div class="scroll" role="region" aria-labelledby="facts-title" tabindex="0"><table class="compare">
<thead><tr><td></td>${heads}</tr></thead>
<tbody>
${rows}</tbody></table></div></section>`,
  });
}

function resultFacts({ status, final, flops }: RunRecord): (readonly [string, string])[] {
  return [
    ['Status', status],
    ['Test loss, nats', fixed(final?.test.lossNats ?? null, 4)],
    ['Validation loss, nats', fixed(final?.val.lossNats ?? null, 4)],
    ['Training FLOPs', power(flops)],
  ];
}

/** Short names that tell the runs apart: with as many facts as that needs. */
function labelsOf(records: readonly RunRecord[]): string[] {
  const parts: ((record: RunRecord) => string)[] = [
    ({ arch }) => arch,
    ({ setup }) => `${setup.model.dModel} × ${setup.model.nLayers}`,
    ({ budgetFlops }) => power(budgetFlops),
    ({ setup }) => `rate ${setup.optimizer.learningRate}`,
    ({ setup }) => `seed ${setup.seed}`,
    ({ runKey }) => runKey,
  ];
  const used = [parts[0]!, parts[1]!];
  const label = (record: RunRecord): string => used.map((part) => part(record)).join(', ');
  for (const part of parts.slice(2)) {
    if (new Set(records.map(label)).size === records.length) break;
    const values = new Set(records.map(part));
    if (values.size > 1) used.push(part);
  }
  return records.map(label);
}
