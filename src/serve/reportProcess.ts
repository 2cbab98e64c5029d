/** Entry of the process that renders a report: fits take seconds, in which the server has other things to answer. */
import { reportContext } from '../report/context.js';
import { buildDocument } from '../report/buildDocument.js';
import { renderPage } from '../report/page/page.js';
import { analysisOf } from '../report/reportSweep.js';
import { UsageError } from '../store/errors.js';
import { loadStudy } from '../store/study.js';
import { packageVersion } from '../store/version.js';

/** What it sends back. */
export type ReportReply =
  | { readonly kind: 'page'; readonly html: string }
  | { readonly kind: 'wrong' | 'fault'; readonly message: string };

const [, , resultsDir = '', dbPath = '', sweep = ''] = process.argv;

function render(): ReportReply {
  try {
    const study = loadStudy(resultsDir, sweep, { dbPath });
    const context = reportContext({ study, analysis: analysisOf(study) });
    const document = buildDocument(context);
    return {
      kind: 'page',
      html: renderPage({ document, styles: context.styles, version: packageVersion() }),
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: error instanceof UsageError ? 'wrong' : 'fault', message };
  }
}

process.send?.(render(), () => process.disconnect());
