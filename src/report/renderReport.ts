/** Renders a report and writes its folder: everything is rendered first, then written, then swapped in. */
import { packageVersion } from '../store/version.js';
import { buildDocument } from './buildDocument.js';
import { reportContext, type ReportInput } from './context.js';
import { chartsOf, type ReportDocument } from './document.js';
import { renderFigure } from './figures.js';
import { renderMarkdown } from './markdown.js';
import { renderPage } from './page/page.js';
import type { Chart } from './charts/chart.js';
import { tableToLatex } from './latex.js';
import type { SeriesStyle } from './theme.js';
import { datasetToCsv, textsOf, type Dataset, type Table } from './table.js';
import { writeReportFolder, type ReportFile } from './writeReport.js';

export interface RenderOptions extends ReportInput, FileOptions {
  /** Folder of the report, usually `reports/<sweep>`. */
  readonly outDir: string;
}

export interface FileOptions {
  /** Also what a paper needs: every figure as PDF and every table as LaTeX. */
  readonly paper?: boolean;
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
  { paper = false }: FileOptions = {},
): Promise<{ document: ReportDocument; files: ReportFile[] }> {
  const context = reportContext(input);
  const document = buildDocument(context);
  return { document, files: await documentFiles(document, context.styles, paper) };
}

/** The files of any document in the form of a report. */
export async function documentFiles(
  document: ReportDocument,
  styles: ReadonlyMap<string, SeriesStyle>,
  paper: boolean,
): Promise<ReportFile[]> {
  // Images are drawn on threads of their own while the next figure is made.
  const figures = chartsOf(document).map((chart) => figureFiles(chart, paper));
  return [
    ...(await Promise.all(figures)).flat(),
    ...tablesOf(document).map(({ file, dataset }): ReportFile => ({
      path: `data/${file}.csv`,
      content: datasetToCsv(dataset),
    })),
    ...codeFiles(document),
    ...(paper ? tablesOf(document).map(latexFile) : []),
    { path: 'report.md', content: renderMarkdown(document) },
    { path: 'index.html', content: renderPage({ document, styles, version: packageVersion() }) },
  ];
}

async function figureFiles(chart: Chart, paper: boolean): Promise<ReportFile[]> {
  const { svg, png } = await renderFigure(chart);
  const path = `figures/${chart.id}`;
  const files: ReportFile[] = [
    { path: `${path}.svg`, content: svg },
    { path: `${path}.png`, content: png },
  ];
  if (!paper) return files;
  // Loaded where it is asked for: a font program takes a moment.
  const { renderPdf } = await import('./pdf.js');
  return [...files, { path: `${path}.pdf`, content: await renderPdf(svg) }];
}

interface NamedTable {
  readonly file: string;
  readonly table: Table;
  /** Rows of the CSV file, which may be more than the table's. */
  readonly dataset: Dataset;
}

/** The table behind each chart and each further one. */
function tablesOf(document: ReportDocument): NamedTable[] {
  return document.sections.flatMap((section) =>
    section.blocks.flatMap((block): NamedTable[] => {
      if (block.kind === 'table')
        return [{ file: block.file, table: block.table, dataset: block.table.dataset }];
      if (block.kind !== 'chart') return [];
      const { id, table, csv } = block.chart;
      return [{ file: id, table, dataset: csv ?? table.dataset }];
    }),
  );
}

function codeFiles(document: ReportDocument): ReportFile[] {
  return document.sections.flatMap(({ blocks }) =>
    blocks.flatMap((block): ReportFile[] =>
      block.kind === 'code' && block.file !== undefined
        ? [{ path: `data/${block.file}`, content: `${block.text.trimEnd()}\n` }]
        : [],
    ),
  );
}

function latexFile({ file, table }: NamedTable): ReportFile {
  return { path: `latex/${file}.tex`, content: tableToLatex(textsOf(table), file) };
}

/**
 * Writes `index.html`, `report.md`, `figures/*.svg`, `figures/*.png` and `data/*.csv`, and for a paper
 * `figures/*.pdf` and `latex/*.tex`. A rendering that fails leaves the folder as it was.
 *
 * @throws UsageError where the folder holds something else than a report.
 */
export async function renderReport(options: RenderOptions): Promise<RenderedReport> {
  const { document, files } = await renderFiles(options, options);
  const { htmlPath, markdownPath } = writeReportFolder(options.outDir, files);
  return { htmlPath, markdownPath, document, files: files.map((file) => file.path) };
}
