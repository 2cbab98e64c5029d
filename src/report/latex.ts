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

/** The preamble's packages, said at the head of every file. */
const NEEDS = String.raw`% \usepackage{booktabs}`;

/**
 * A table as a file to `\input`: a float with caption and label, or a longtable where it does not fit on a page.
 *
 * @param name of the file, which the label `tab:NAME` repeats
 */
export function tableToLatex({ caption, heads, aligns, rows }: TableCells, name: string): string {
  const columns = aligns.map((align: Align) => (align === 'right' ? 'r' : 'l')).join('');
  const line = (cells: readonly string[]): string =>
    `${cells.map(escapeLatex).join(' & ')} ${String.raw`\\`}`;
  const captioned = `${String.raw`\caption`}{${escapeLatex(caption)}.}${String.raw`\label`}{tab:${name}}`;
  const body = rows.map(line);
  const lines =
    rows.length > ROWS_ON_A_PAGE
      ? [
          `${NEEDS}${String.raw`\usepackage{longtable}`}`,
          `${String.raw`\begin{longtable}`}{@{}${columns}@{}}`,
          `${captioned}${String.raw`\\`}`,
          String.raw`\toprule`,
          line(heads),
          String.raw`\midrule`,
          String.raw`\endhead`,
          ...body,
          String.raw`\bottomrule`,
          String.raw`\end{longtable}`,
        ]
      : [
          NEEDS,
          String.raw`\begin{table}`,
          String.raw`\centering`,
          captioned,
          `${String.raw`\begin{tabular}`}{@{}${columns}@{}}`,
          String.raw`\toprule`,
          line(heads),
          String.raw`\midrule`,
          ...body,
          String.raw`\bottomrule`,
          String.raw`\end{tabular}`,
          String.raw`\end{table}`,
        ];
  return `${lines.join('\n')}\n`;
}
