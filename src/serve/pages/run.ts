/** A run's page: what it is, what became of it, its curves and its files. */
import { formatCount, formatSeconds, formatShortCount } from '../../report/format.js';
import { markup, type Markup } from '../../report/html.js';
import type { RunRecord } from '../../store/record.js';
import type { RunDetail, RunFile } from '../runDetail.js';
import { setupFacts } from './facts.js';
import { fixed, moment, power, statusMark } from './format.js';
import { page, path } from './shell.js';
import { themeData } from './theme.js';

export interface RunPageInput {
  readonly run: RunDetail;
  readonly files: readonly RunFile[];
}

export function runPage({ run, files }: RunPageInput): Markup {
  const { record, sweeps, evaluations, problems } = run;
  const { runKey, arch, setup, status, cause } = record;
  const { dModel, nLayers } = setup.model;
  const links = sweeps.map((sweep) => markup` <a href="${path('sweeps', sweep)}">${sweep}</a>`);
  return page({
    title: `${arch} ${dModel} × ${nLayers}`,
    section: 'runs',
    script: 'run',
    charts: true,
    data: {
      runs: [{ runKey, label: `${arch} ${dModel} × ${nLayers}` }],
      live: status === 'running',
      theme: themeData(),
    },
    body: markup`<h1>${arch} <span class="light">${dModel} × ${nLayers}, seed ${setup.seed}</span></h1>
<p class="lead">${statusMark(status)} Run <code>${runKey}</code>${sweeps.length === 0 ? ', which no sweep lists' : markup` of${links}`}</p>
${cause === null ? null : markup`<p class="notice">${cause}</p>`}
${problems.map((problem) => markup`<p class="error">${problem}</p>\n`)}
<section aria-labelledby="result-title"><h2 id="result-title">Result</h2>
${facts(resultFacts(record))}
${evaluationTable(evaluations)}</section>
${curveFigures()}
${sampleForm(record, files)}
<section aria-labelledby="setup-title"><h2 id="setup-title">Configuration</h2>
${facts(setupFacts(record))}</section>
<section aria-labelledby="files-title"><h2 id="files-title">Files</h2>
<ul class="files">${files.map((file) => fileItem(runKey, file))}</ul>
<p class="small">In <code>${run.directory}</code> of the results folder.</p></section>`,
  });
}

/** Where a run that is done has kept its last checkpoint, its model can be asked for text. */
function sampleForm({ runKey, status }: RunRecord, files: readonly RunFile[]): Markup | null {
  if (status !== 'done' || !files.some(({ name }) => name === 'checkpoint.safetensors')) return null;
  return markup`<section aria-labelledby="sample-title"><h2 id="sample-title">Text that the model writes</h2>
<form id="sample" class="filters" data-run="${runKey}" aria-labelledby="sample-title">
<label class="wide">Beginning<input type="text" id="prompt" value="The " autocomplete="off"></label>
<label>Temperature<input type="number" id="temperature" value="0.8" min="0" max="10" step="0.1" required></label>
<label>Seed<input type="number" id="sample-seed" value="0" min="0" step="1" required></label>
<button type="submit">Write</button></form>
<div id="texts" role="status"></div></section>`;
}

/** Places of the charts that `client/curves.ts` draws, with the choice of their axis. */
export function curveFigures(): Markup {
  return markup`<section aria-labelledby="curves-title"><h2 id="curves-title">Curves</h2>
<div class="tools"><label>Against <select id="x-axis"><option value="step">steps</option><option value="tokens">tokens</option><option value="flops">FLOPs</option></select></label>
<label><input type="checkbox" id="log-axis"> log axis</label></div>
<div id="charts" aria-live="off"></div></section>`;
}

function facts(entries: readonly (readonly [string, string])[]): Markup {
  return markup`<dl>${entries.map(([term, text]) => markup`<dt>${term}</dt><dd>${text}</dd>\n`)}</dl>`;
}

function resultFacts(record: RunRecord): (readonly [string, string])[] {
  const { final, execution, stepsDone, setup, flops, flopsPerStep } = record;
  return [
    [
      'Test loss',
      final === null
        ? '–'
        : `${fixed(final.test.lossNats, 4)} nats a token, ${fixed(final.test.bitsPerByte, 4)} bits a byte`,
    ],
    ['Validation loss', final === null ? '–' : `${fixed(final.val.lossNats, 4)} nats a token`],
    ['Steps', `${stepsDone} of ${setup.steps}`],
    [
      'Training compute',
      `${power(flopsPerStep * stepsDone)} of ${power(flops)} FLOPs (budget ${power(record.budgetFlops)})`,
    ],
    ['Tokens', `${formatCount(record.tokensPerStep * stepsDone)} of ${formatCount(record.tokens)}`],
    ...(execution === null
      ? []
      : ([
          ['Time', `${formatSeconds(execution.trainSeconds)} of training${speed(record)}`],
          [
            'Started, UTC',
            `${moment(execution.startedAt)}${execution.finishedAt === null ? '' : `, ended ${moment(execution.finishedAt)}`}`,
          ],
          ['Resumed', execution.resumes === 1 ? 'once' : `${execution.resumes} times`],
          [
            'Machine',
            `${execution.device ?? execution.cpuModel}, ${execution.threads} ${execution.threads === 1 ? 'thread' : 'threads'}, ${execution.engine} ${execution.engineVersion}, host ${execution.host}`,
          ],
        ] as const)),
  ];
}

function speed({ execution, stepsDone, tokensPerStep }: RunRecord): string {
  if (execution === null || execution.trainSeconds <= 0) return '';
  return `, ${formatShortCount((stepsDone * tokensPerStep) / execution.trainSeconds)} tokens a second`;
}

function evaluationTable(evaluations: RunDetail['evaluations']): Markup | null {
  if (evaluations.length === 0) return null;
  const rows = evaluations.map(
    (row) =>
      markup`<tr><td>${row.split}</td><td>${row.metric}</td><td class="n">${row.step}</td><td class="n">${formatCount(row.tokens)}</td><td class="n">${fixed(row.lossNats, 4)}</td><td class="n">${fixed(row.bitsPerByte, 4)}</td></tr>\n`,
  );
  return markup`<div class="scroll" role="region" aria-label="Evaluations" tabindex="0"><table>
<thead><tr><th scope="col">Split</th><th scope="col">Metric</th><th scope="col" class="n">Step</th><th scope="col" class="n">Tokens</th><th scope="col" class="n">Nats a token</th><th scope="col" class="n">Bits a byte</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

function fileItem(runKey: string, { name, bytes, download }: RunFile): Markup {
  const label = download
    ? markup`<a href="${path('runs', runKey, 'files', name)}">${name}</a>`
    : markup`${name}`;
  return markup`<li>${label} <span class="small">${formatShortCount(bytes)}B</span></li>\n`;
}
