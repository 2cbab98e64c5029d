import { it } from 'vitest';
import { analysisOf } from '../../src/report/reportSweep.js';
import { renderReport } from '../../src/report/renderReport.js';
import { renderFigure } from '../../src/report/figures.js';
import { chartsOf } from '../../src/report/document.js';
import { syntheticStudy, QUICK_DESIGN } from './syntheticStudy.js';
it('x', async () => {
  const s = syntheticStudy({...QUICK_DESIGN, name:'quick'});
  const a = analysisOf(s);
  const t = Date.now();
  const r = await renderReport({ study: s, analysis: a, outDir: '/tmp/rep/quick' });
  console.log(Date.now() - t, r.htmlPath, r.files.join(' '));
  for (const c of chartsOf(r.document)) await renderFigure(c, (w) => console.log(c.id, w));
}, 60000);
