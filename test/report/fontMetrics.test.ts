import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, dirname } from 'node:path';
import { Resvg } from '@resvg/resvg-js';
import { describe, expect, it } from 'vitest';
import { readFontMetrics } from '../../src/report/fontMetrics.js';

const folder = join(dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')), 'ttf');
const file = join(folder, 'DejaVuSans.ttf');
const measure = readFontMetrics(readFileSync(file));

/** Distance between two bars around a text, as the renderer lays it out: its advance width with kerning. */
function renderedWidth(text: string): number {
  const size = 100;
  const draw = (content: string): number => {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="200"><text x="10" y="120" font-family="DejaVu Sans" font-size="${size}" xml:space="preserve">${content}</text></svg>`;
    const box = new Resvg(svg, { font: { fontFiles: [file], loadSystemFonts: false } }).getBBox()!;
    return box.x + box.width;
  };
  return (draw(`|${text}|`) - draw('|')) / size - measure('|');
}

describe('font metrics', () => {
  it('are those of DejaVu Sans: 2,048 units an em', () => {
    // Advance widths as the font's designers publish them: digits 1303, A 1401, space 651.
    expect(measure('0') * 2048).toBe(1303);
    expect(measure('A') * 2048).toBe(1401);
    expect(measure(' ') * 2048).toBe(651);
    expect(measure('')).toBe(0);
  });

  it.each(['Training compute, FLOPs', '10¹¹ to 3 × 10¹²', 'primer-ez over transformer++'])(
    'agree with the renderer on "%s"',
    (text) => {
      // The renderer kerns; that is all that they may differ by.
      expect(Math.abs(measure(text) / renderedWidth(text) - 1)).toBeLessThan(0.02);
    },
  );

  it('refuse what is no font', () => {
    expect(() => readFontMetrics(new Uint8Array(64))).toThrow(/has no table/);
  });
});
