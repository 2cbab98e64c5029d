/** Reports as the server shows them: rendered when they are asked for, and kept until a run of theirs changes. */
import { createHash } from 'node:crypto';
import type { ChildProcess } from 'node:child_process';
import { startScript } from './childScript.js';
import type { ReportReply } from './reportProcess.js';
import { HttpError } from './respond.js';
import { noSweepText } from './runList.js';
import type { ServedIndex } from './servedIndex.js';

const LIMIT_SECONDS = 300;
/** Reports rendered at the same time, each by a process that takes a core and memory; others wait. */
const AT_ONCE = 2;
/** Pages kept; each is a few megabytes. */
const KEPT = 8;

export interface Reports {
  /**
   * The page of a sweep's report.
   *
   * @throws HttpError 404 where there is no such sweep
   */
  page(sweep: string): Promise<string>;
  close(): void;
}

export function reportCache(resultsDir: string, index: ServedIndex): Reports {
  const kept = new Map<string, { readonly version: string; readonly page: Promise<string> }>();
  const children = new Set<ChildProcess>();
  const waiting: (() => void)[] = [];
  let underway = 0;

  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (underway >= AT_ONCE) await new Promise<void>((go) => waiting.push(go));
    else underway += 1;
    try {
      return await work();
    } finally {
      // Whoever waits takes the place over.
      const next = waiting.shift();
      if (next === undefined) underway -= 1;
      else next();
    }
  };

  const render = (sweep: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const script = new URL('./reportProcess.js', import.meta.url);
      const child = startScript(script, [resultsDir, index.path, sweep]);
      children.add(child);
      const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_SECONDS * 1000);
      child.once('message', (message) => {
        const reply = message as ReportReply;
        if (reply.kind === 'page') resolve(reply.html);
        else reject(new HttpError(reply.kind === 'wrong' ? 404 : 500, reply.message));
      });
      child.once('error', (error) => {
        reject(new HttpError(500, `The report could not be rendered: ${error.message}`));
      });
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        children.delete(child);
        // Settled already, unless the process died before it answered.
        const how = signal ?? `code ${code ?? 0}`;
        reject(new HttpError(500, `The report could not be rendered: its process ended (${how}).`));
      });
    });

  return {
    page: (sweep) => {
      const version = versionOf(index, sweep);
      const known = kept.get(sweep);
      if (known?.version === version) return known.page;
      const page = inTurn(() => render(sweep));
      kept.delete(sweep);
      kept.set(sweep, { version, page });
      for (const oldest of [...kept.keys()].slice(0, -KEPT)) kept.delete(oldest);
      // A failure is told to whoever asked, and tried again by who asks next.
      page.catch(() => {
        if (kept.get(sweep)?.page === page) kept.delete(sweep);
      });
      return page;
    },
    close: () => {
      for (const child of children) child.kill('SIGKILL');
    },
  };
}

/** Differs whenever a file differs that the sweep's report is made of. @throws HttpError 404 where there is none */
function versionOf(index: ServedIndex, sweep: string): string {
  const rows = index.rows<{ path: string; fingerprint: string }>(
    `SELECT path, fingerprint FROM sources
     WHERE substr(path, 1, length($sweep) + 1) = $sweep || '/'
       OR substr(path, instr(path, '/') + 1) IN (SELECT runKey FROM sweep_runs WHERE sweep = $sweep)
     ORDER BY path`,
    { sweep },
  );
  if (rows.length === 0) throw new HttpError(404, noSweepText(index, sweep));
  return createHash('sha256').update(JSON.stringify(rows)).digest('hex');
}
