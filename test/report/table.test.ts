import { describe, expect, it } from 'vitest';
import { datasetOf, datasetToCsv, tableToHtml, tableToMarkdown, type Table } from '../../src/report/table.js';

const dataset = datasetOf(
  ['name', 'loss', 'ok', 'note'],
  [
    { name: 'a,"b"', loss: 4.123456789, ok: true, note: null },
    { name: '<i>|', loss: 5, ok: false, note: 'two\nlines' },
  ],
);

const table: Table = {
  caption: 'Losses <of> runs',
  dataset,
  columns: [
    { field: 'name', label: 'Name' },
    { field: 'loss', label: 'Loss, nats', format: (loss) => loss.toFixed(2) },
    { field: 'ok', label: 'OK' },
    { field: 'note', label: 'Note' },
  ],
};

describe('datasets', () => {
  it('are CSV after RFC 4180 with six significant digits', () => {
    expect(datasetToCsv(dataset)).toBe(
      'name,loss,ok,note\r\n"a,""b""",4.12346,true,\r\n<i>|,5,false,"two\nlines"\r\n',
    );
  });
});

describe('tables', () => {
  it('are real tables in HTML, escaped, numbers to the right', () => {
    const { html } = tableToHtml(table);
    expect(html).toContain('<caption>Losses &lt;of&gt; runs</caption>');
    expect(html).toContain('<th scope="col" class="n">Loss, nats</th>');
    expect(html).toContain('<tr><td>&lt;i&gt;|</td><td class="n">5.00</td><td>no</td>');
  });

  it('are Markdown, escaped', () => {
    expect(tableToMarkdown(table).split('\n')).toEqual([
      '| Name | Loss, nats | OK | Note |',
      '| --- | ---: | --- | --- |',
      '| a,"b" | 4.12 | yes | – |',
      String.raw`| &lt;i&gt;\| | 5.00 | no | two lines |`,
    ]);
  });

  it('name a field that is missing', () => {
    expect(() => tableToHtml({ ...table, columns: [{ field: 'nats', label: 'x' }] })).toThrow(
      "The table 'Losses <of> runs' has no field 'nats'.",
    );
  });
});
