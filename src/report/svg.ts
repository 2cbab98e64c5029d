/** Charts as files: Vega-Lite to SVG in Node with text measured by the shipped font, and SVG to PNG. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { renderAsync } from '@resvg/resvg-js';
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { readFontMetrics } from './fontMetrics.js';

const require = createRequire(import.meta.url);
const fontFolder = join(dirname(require.resolve('dejavu-fonts-ttf/package.json')), 'ttf');
const REGULAR = join(fontFolder, 'DejaVuSans.ttf');
const BOLD = join(fontFolder, 'DejaVuSans-Bold.ttf');

/** What Vega hands to its text measure; the fields come from the mark or the guide. */
interface TextItem {
  readonly fontSize?: number | null;
  readonly fontWeight?: string | number | null;
  /** Width in pixels beyond which Vega truncates. */
  readonly limit?: number | null;
}

/** Vega exports its text measure for replacement, but its types leave it out. */
interface VegaTextMetrics {
  readonly textMetrics: { width: (item: TextItem, text: string | number | null | undefined) => number };
}

/** The files of the font that figures are measured and drawn with. */
export const FONT_FILES = { regular: REGULAR, bold: BOLD } as const;

let fontsInstalled = false;

/**
 * Makes Vega measure with DejaVu Sans. Without a canvas it would otherwise guess 0.8 em a character, and labels
 * would collide or float. Vega keeps one measure a process; this program draws with one font only.
 */
function installFonts(): void {
  if (fontsInstalled) return;
  const regular = readFontMetrics(readFileSync(REGULAR));
  const bold = readFontMetrics(readFileSync(BOLD));
  (vega as unknown as VegaTextMetrics).textMetrics.width = (item, text) => {
    const heavy = item.fontWeight === 'bold' || Number(item.fontWeight) >= 600;
    const width = (heavy ? bold : regular)(text == null ? '' : String(text).trim()) * (item.fontSize ?? 11);
    return item.limit != null && item.limit > 0 ? Math.min(width, item.limit) : width;
  };
  fontsInstalled = true;
}

/**
 * Renders a chart to SVG text. The same specification gives the same bytes.
 *
 * @param onWarning - told of what Vega-Lite would change in the specification; a test allows none.
 */
export async function renderSvg(
  spec: object,
  onWarning: (warning: string) => void = () => undefined,
): Promise<string> {
  installFonts();
  const logger = Object.assign(vega.logger(vega.Error), {
    warn(this: vega.LoggerInterface, ...args: readonly unknown[]) {
      onWarning(args.map(String).join(' '));
      return this;
    },
  });
  const compiled = compile(spec as TopLevelSpec, { logger }).spec;
  const view = new vega.View(vega.parse(compiled), { renderer: 'none', logLevel: vega.Error });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** Renders SVG text to a PNG at twice its size, with the fonts of the package only, on a thread of its own. */
export async function renderPng(svg: string): Promise<Uint8Array> {
  const image = await renderAsync(svg, {
    fitTo: { mode: 'zoom', value: 2 },
    background: '#ffffff',
    font: { fontFiles: [REGULAR, BOLD], loadSystemFonts: false, defaultFontFamily: 'DejaVu Sans' },
  });
  return image.asPng();
}
