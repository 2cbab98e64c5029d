/** The report as Markdown with the SVG figures beside it, for a repository. */
import type { Block, ReportDocument } from './document.js';
import { escapeMarkdown, richToMarkdown } from './rich.js';
import { tableToMarkdown } from './table.js';

/** Tables longer than this are left to their CSV file. */
const LONGEST_TABLE = 60;

export function renderMarkdown(document: ReportDocument): string {
  const parts = [`# ${escapeMarkdown(document.title)}`, richToMarkdown(document.summary)];
  document.sections.forEach((section, i) => {
    if (i > 0) parts.push(`## ${escapeMarkdown(section.title)}`);
    parts.push(...section.blocks.map(blockToMarkdown));
  });
  return `${parts.join('\n\n')}\n`;
}

function blockToMarkdown(block: Block): string {
  switch (block.kind) {
    case 'prose':
      return richToMarkdown(block.text);
    case 'answers':
      return block.answers
        .map(
          ({ sentence, further }) =>
            `- ${richToMarkdown(sentence)}${further === null ? '' : ` ${escapeMarkdown(further)}`}`,
        )
        .join('\n');
    case 'heading':
      return `### ${escapeMarkdown(block.text)}`;
    case 'list': {
      const list = block.items.map((item) => `- ${richToMarkdown(item)}`).join('\n');
      return block.summary === undefined ? list : collapsed(block.summary, list);
    }
    case 'chart': {
      const { id, title, caption, alt, table } = block.chart;
      return [
        `### ${escapeMarkdown(title)}`,
        richToMarkdown(caption),
        `![${escapeMarkdown(alt)}](figures/${id}.svg)`,
        collapsed(`Table: ${table.caption}`, tableOrLink(table, id)),
      ].join('\n\n');
    }
    case 'table': {
      const body = tableOrLink(block.table, block.file);
      return block.collapsed
        ? collapsed(block.table.caption, body)
        : `${escapeMarkdown(block.table.caption)}\n\n${body}`;
    }
    case 'facts':
      return block.facts
        .map(([term, text]) => `- ${escapeMarkdown(term)}: ${richToMarkdown(text)}`)
        .join('\n');
    case 'code': {
      if (block.file !== undefined) {
        return `${escapeMarkdown(block.summary)}: [data/${block.file}](data/${block.file})`;
      }
      const longest = Math.max(2, ...(block.text.match(/`+/g) ?? []).map((run) => run.length));
      const fence = '`'.repeat(longest + 1);
      return collapsed(block.summary, `${fence}${block.language}\n${block.text.trimEnd()}\n${fence}`);
    }
    default:
      return block satisfies never;
  }
}

function tableOrLink(table: Parameters<typeof tableToMarkdown>[0], file: string): string {
  const csv = `data/${file}.csv`;
  const rows = table.dataset.rows.length;
  if (rows > LONGEST_TABLE) return `${rows} rows: [${csv}](${csv})`;
  return `${tableToMarkdown(table)}\n\n[${csv}](${csv})`;
}

function collapsed(summary: string, body: string): string {
  return `<details><summary>${escapeMarkdown(summary)}</summary>\n\n${body}\n\n</details>`;
}
