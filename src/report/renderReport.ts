/** Renders a report and writes its folder: everything is rendered first, then written, then swapped in. */
import { packageVersion } from '../store/version.js';
import { buildDocument } from './buildDocument.js';
import { reportContext, type ReportInput } from './context.js';
import { chartsOf, type ReportDocument } from './document.js';
import { renderFigure } from './figures.js';
import { renderMarkdown } from './markdown.js';
import { renderPage } from './page/page.js';
import { datasetToCsv } from './table.js';

import { writeReportFolder, type ReportFile } from './writeReport.js';

export interface RenderOptions extends ReportInput {
  /** Folder of the report, usually `reports/<sweep>`. */
  readonly outDir: string;
}

export interface RenderedReport {
  readonly htmlPath: string;
  readonly markdownPath: string;
  readonly document: ReportDocument;
  /** Paths of all files, relative to the folder. */
  readonly files: readonly string[];
}

/** All files of a report, by path. The same input gives the same bytes. */
export async function renderFiles(
  input: ReportInput,
): Promise<{ document: ReportDocument; files: ReportFile[] }> {
  const context = reportContext(input);
  const document = buildDocument(context);
  const files: ReportFile[] = [];
  for (const chart of chartsOf(document)) {
    const figure = await renderFigure(chart);
    files.push({ path: `figures/${chart.id}.svg`, content: figure.svg });
    files.push({ path: `figures/${chart.id}.png`, content: figure.png });
    files.push({ path: `data/${chart.id}.csv`, content: datasetToCsv(chart.csv ?? chart.table.dataset) });
  }
  for (const section of document.sections) {
    for (const block of section.blocks) {
      if (block.kind === 'table')
        files.push({ path: `data/${block.file}.csv`, content: datasetToCsv(block.table.dataset) });
    }
  }
  files.push({ path: 'report.md', content: renderMarkdown(document) });
  files.push({
    path: 'index.html',
    content: renderPage({ document, styles: context.styles, version: packageVersion() }),
  });
  return { document, files };
}

/**
 * Writes `index.html`, `report.md`, `figures/*.svg`, `figures/*.png` and `data/*.csv`. A rendering that fails
 * leaves the folder as it was.
 *
 * @throws UsageError where the folder holds something else than a report.
 */
export async function renderReport(options: RenderOptions): Promise<RenderedReport> {
  const { document, files } = await renderFiles(options);
  const { htmlPath, markdownPath } = writeReportFolder(options.outDir, files);
  return { htmlPath, markdownPath, document, files: files.map((file) => file.path) };
}
