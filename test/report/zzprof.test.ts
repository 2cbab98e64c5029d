import { it } from 'vitest';
import { analysisOf } from '../../src/report/reportSweep.js';
import { renderFiles } from '../../src/report/renderReport.js';
import { reportContext } from '../../src/report/context.js';
import { buildDocument } from '../../src/report/buildDocument.js';
import { renderPage } from '../../src/report/page/page.js';
import { writeReportFolder } from '../../src/report/writeReport.js';
import { renderFigure } from '../../src/report/figures.js';
import { renderSvg, renderPng } from '../../src/report/svg.js';
import { chartsOf } from '../../src/report/document.js';
import { syntheticStudy, QUICK_DESIGN } from './syntheticStudy.js';
it('x', async () => {
  const lap = (() => { let t = performance.now(); return (n: string) => { const u = performance.now(); console.log(n, (u - t).toFixed(0)); t = u; }; })();
  const study = syntheticStudy({...QUICK_DESIGN, name:'quick'});
  lap('study');
  const analysis = analysisOf(study); lap('analysis');
  const ctx = reportContext({ study, analysis }); lap('context');
  const doc = buildDocument(ctx); lap('doc');
  for (const c of chartsOf(doc)) { const f = await renderFigure(c); lap('fig ' + c.id); renderPng(f.svg); lap('  png'); }
  renderPage({ document: doc, styles: ctx.styles, version: 'x' }); lap('page');
  const { files } = await renderFiles({ study, analysis }); lap('files');
  writeReportFolder('/tmp/rep/prof', files); lap('write');
}, 100000);
