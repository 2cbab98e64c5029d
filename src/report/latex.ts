/** Tables for a paper: LaTeX with booktabs, the same digits as in the page. */
import type { Align, TableCells } from './table.js';

/** Tables of more rows than this break over pages. */
const ROWS_ON_A_PAGE = 40;

const SPECIAL: Readonly<Record<string, string>> = {
  '\\': String.raw`\textbackslash{}`,
  '{': String.raw`\{`,
  '}': String.raw`\}`,
  '&': String.raw`\&`,
  '%': String.raw`\%`,
  $: String.raw`\$`,
  '#': String.raw`\#`,
  _: String.raw`\_`,
  '~': String.raw`\textasciitilde{}`,
  '^': String.raw`\textasciicircum{}`,
  '<': '$<$',
  '>': '$>$',
  '|': '$|$',
  '"': '\\textquotedbl{}',
  '\u2212': '$-$',
  '\u00d7': String.raw`$\times$`,
  '\u2013': '--',
  '\u2019': "'",
  '\u00a0': '~',
  '\u202f': String.raw`\,`,
};

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** Text of a cell as LaTeX: what would be markup is escaped, signs and powers become mathematics. */
export function escapeLatex(text: string): string {
  return text
    .replaceAll(/\s*[\r\n]+\s*/g, ' ')
    .replaceAll(/⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+|[\\{}&%$#_~^<>|"\u2212\u00d7\u2013\u2019\u00a0\u202f]/gu, (found) => {
      const special = SPECIAL[found];
      if (special !== undefined) return special;
      const digits = Array.from(found.replace('⁻', ''), (digit) => String(SUPERSCRIPTS.indexOf(digit)));
      return `$^{${found.startsWith('⁻') ? '-' : ''}${digits.join('')}}$`;
    });
}

/** Characters that fit beside each other on the page of an article at its normal size, columns included. */
const CHARACTERS_ACROSS = 80;
/** A column with a longer text than this is set as paragraphs. */
const LONGEST_LINE = 44;

/**
 * A table as a file to `\input`: a float with caption and label, scaled down to the line where it is wider than that, or a
 * longtable where it does not fit on a page.
 *
 * @param name of the file, which the label `tab:NAME` repeats
 */
export function tableToLatex({ caption, heads, aligns, rows }: TableCells, name: string): string {
  const longest = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)));
  const isWide =
    longest.reduce((sum, length) => sum + Math.min(length, LONGEST_LINE) + 2, 0) > CHARACTERS_ACROSS;
  const columns = aligns
    .map((align: Align, i) =>
      longest[i]! > LONGEST_LINE
        ? String.raw`>{\raggedright\arraybackslash}p{20em}`
        : align === 'right'
          ? 'r'
          : 'l',
    )
    .join('');
  const isLong = rows.length > ROWS_ON_A_PAGE;
  const hasParagraphs = columns.includes('p{');
  // Said at the head of every file, since they belong in the preamble.
  const packages = [
    'booktabs',
    ...(isLong ? ['longtable'] : isWide ? ['graphicx'] : []),
    ...(hasParagraphs ? ['array'] : []),
  ];
  const needs = `% ${packages.map((pack) => String.raw`\usepackage{${pack}}`).join('')}`;
  // A bracket or a star at the start of a row would be taken for an argument of the end of the one before.
  const line = (cells: readonly string[]): string =>
    `${cells
      .map(escapeLatex)
      .join(' & ')
      .replace(/^(?=\s*[[*])/, '{}')} ${String.raw`\\`}`;
  const captioned = `${String.raw`\caption`}{${escapeLatex(caption)}.}${String.raw`\label`}{tab:${name}}`;
  const body = rows.map(line);
  const lines = isLong
    ? [
        needs,
        ...(isWide ? [String.raw`{\scriptsize\setlength{\tabcolsep}{2pt}`] : []),
        `${String.raw`\begin{longtable}`}{@{}${columns}@{}}`,
        `${captioned}${String.raw`\\`}`,
        String.raw`\toprule`,
        line(heads),
        String.raw`\midrule`,
        String.raw`\endhead`,
        ...body,
        String.raw`\bottomrule`,
        String.raw`\end{longtable}`,
        ...(isWide ? ['}'] : []),
      ]
    : [
        needs,
        String.raw`\begin{table}`,
        String.raw`\centering`,
        captioned,
        ...(isWide ? [String.raw`\resizebox{\linewidth}{!}{%`] : []),
        `${String.raw`\begin{tabular}`}{@{}${columns}@{}}`,
        String.raw`\toprule`,
        line(heads),
        String.raw`\midrule`,
        ...body,
        String.raw`\bottomrule`,
        String.raw`\end{tabular}`,
        ...(isWide ? ['}'] : []),
        String.raw`\end{table}`,
      ];
  return `${lines.join('\n')}\n`;
}
