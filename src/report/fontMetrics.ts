/** Advance widths read from a TrueType file: text in charts is measured with the font it is drawn in. */

/** Width of a text in em (1 at a font size of 1). */
export type MeasureEm = (text: string) => number;

interface Table {
  readonly offset: number;
}

function tableOf(font: DataView, tag: string): Table {
  const count = font.getUint16(4);
  for (let i = 0; i < count; i++) {
    const at = 12 + i * 16;
    const name = String.fromCharCode(...[0, 1, 2, 3].map((k) => font.getUint8(at + k)));
    if (name === tag) return { offset: font.getUint32(at + 8) };
  }
  throw new Error(
    `The font has no table '${tag}'; a TrueType file with cmap, head, hhea and hmtx is needed.`,
  );
}

/** Glyph of a character by the subtable of format 4 (segments of the Basic Multilingual Plane). */
function glyphLookup(font: DataView): (codePoint: number) => number {
  const cmap = tableOf(font, 'cmap').offset;
  const subtables = font.getUint16(cmap + 2);
  let format4 = -1;
  for (let i = 0; i < subtables; i++) {
    const offset = cmap + font.getUint32(cmap + 4 + i * 8 + 4);
    if (font.getUint16(offset) === 4) format4 = offset;
  }
  if (format4 < 0) throw new Error('The font has no cmap subtable of format 4.');
  const segments = font.getUint16(format4 + 6) / 2;
  const ends = format4 + 14;
  const starts = ends + segments * 2 + 2;
  const deltas = starts + segments * 2;
  const rangeOffsets = deltas + segments * 2;
  return (codePoint) => {
    for (let s = 0; s < segments; s++) {
      if (codePoint > font.getUint16(ends + s * 2)) continue;
      const start = font.getUint16(starts + s * 2);
      if (codePoint < start) return 0;
      const delta = font.getUint16(deltas + s * 2);
      const rangeOffset = font.getUint16(rangeOffsets + s * 2);
      if (rangeOffset === 0) return (codePoint + delta) & 0xffff;
      const glyph = font.getUint16(rangeOffsets + s * 2 + rangeOffset + (codePoint - start) * 2);
      return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
    }
    return 0;
  };
}

/**
 * Reads a TrueType font's advance widths (OpenType specification: cmap format 4, head, hhea, hmtx). Kerning is left
 * out: it moves a label of a chart by less than a pixel.
 *
 * @throws Error where the file lacks one of the tables.
 */
export function readFontMetrics(file: Uint8Array): MeasureEm {
  const font = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const unitsPerEm = font.getUint16(tableOf(font, 'head').offset + 18);
  const metricsCount = font.getUint16(tableOf(font, 'hhea').offset + 34);
  const hmtx = tableOf(font, 'hmtx').offset;
  const glyphOf = glyphLookup(font);
  const widths = new Map<number, number>();
  const widthOf = (codePoint: number): number => {
    const known = widths.get(codePoint);
    if (known !== undefined) return known;
    const glyph = Math.min(glyphOf(codePoint), metricsCount - 1);
    const width = font.getUint16(hmtx + glyph * 4) / unitsPerEm;
    widths.set(codePoint, width);
    return width;
  };
  return (text) => {
    let width = 0;
    for (const character of text) width += widthOf(character.codePointAt(0)!);
    return width;
  };
}
