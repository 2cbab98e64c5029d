/** A figure as PDF for a paper: lines stay lines, text stays text in the embedded font. */
import PDFDocument from 'pdfkit';
import svgToPdf from 'svg-to-pdfkit';
import { FONT_FILES } from './svg.js';

/** Points of a PDF in a pixel of an SVG (CSS: 96 pixels and 72 points an inch). */
const POINTS_PER_PIXEL = 0.75;

/**
 * Turns the SVG of a figure into a PDF of one page of its size. The same SVG gives the same bytes: the date that a PDF
 * has to carry is that of no day, since the figure's own is that of its runs.
 *
 * @throws Error where the SVG has no size, or something in it that can't be drawn
 */
export async function renderPdf(svg: string): Promise<Uint8Array> {
  const [width, height] = ['width', 'height'].map((name) => {
    const found = new RegExp(`<svg[^>]* ${name}="([\\d.]+)"`).exec(svg);
    if (found === null) throw new Error(`The figure's SVG has no ${name}.`);
    return Number(found[1]) * POINTS_PER_PIXEL;
  }) as [number, number];
  const document = new PDFDocument({
    size: [width, height],
    margin: 0,
    info: { CreationDate: new Date(0), Producer: 'isoloss', Creator: 'isoloss' },
  });
  const chunks: Uint8Array[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    document.on('data', (chunk: Uint8Array) => void chunks.push(chunk));
    document.on('end', resolve);
    document.on('error', reject);
  });
  document.registerFont('regular', FONT_FILES.regular);
  document.registerFont('bold', FONT_FILES.bold);
  svgToPdf(document, svg, 0, 0, {
    width,
    height,
    fontCallback: (_family, bold) => (bold ? 'bold' : 'regular'),
    warningCallback: (warning) => {
      throw new Error(`A figure can't be drawn as PDF: ${warning}`);
    },
  });
  document.end();
  await ended;
  return Buffer.concat(chunks);
}
