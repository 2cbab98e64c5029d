/** The query page: asks, shows the answer as a table and as a chart of the reader's choosing, and saves it. */
import { chartIn, type Theme } from './chart.js';
import { byId, create, pageData, typedById } from './dom.js';
import { value } from './format.js';

type CellValue = string | number | null;
interface Answer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly CellValue[])[];
  readonly truncated: boolean;
}

const { theme, ask: askAtOnce } = pageData() as { readonly theme: Theme; readonly ask: boolean };
const editor = typedById('sql', HTMLTextAreaElement);
const sweep = typedById('sweep', HTMLSelectElement);
const chart = chartIn(byId('chart'), theme);
const mark = typedById('mark', HTMLSelectElement);
const xSelect = typedById('x', HTMLSelectElement);
const ySelect = typedById('y', HTMLSelectElement);
const colorSelect = typedById('color', HTMLSelectElement);
const logs = { x: typedById('x-log', HTMLInputElement), y: typedById('y-log', HTMLInputElement) };
let answer: Answer | null = null;
let asked: { question: string; sweep: string | null } | null = null;

async function request(format: 'json' | 'csv', question: object): Promise<Response> {
  const response = await fetch('/api/query', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...question, format }),
  });
  if (response.ok) return response;
  const { error } = (await response.json()) as { error: string };
  throw new Error(error);
}

function complain(error: Error | null): void {
  const place = byId('wrong');
  place.hidden = error === null;
  place.textContent = error?.message ?? '';
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

async function ask(): Promise<void> {
  const question = { question: editor.value, sweep: sweep.value === '' ? null : sweep.value };
  const running = byId('running');
  running.textContent = 'Asking …';
  byId('ask').setAttribute('aria-busy', 'true');
  complain(null);
  try {
    const began = performance.now();
    answer = (await (await request('json', question)).json()) as Answer;
    asked = question;
    const seconds = (performance.now() - began) / 1000;
    showAnswer(answer, seconds);
    const address = new URLSearchParams({
      q: question.question,
      ...(question.sweep === null ? {} : { sweep: question.sweep }),
    });
    history.replaceState(null, '', `/query?${address.toString()}`);
  } catch (error) {
    byId('answer').hidden = true;
    complain(asError(error));
  } finally {
    running.textContent = '';
    byId('ask').removeAttribute('aria-busy');
  }
}

function showAnswer({ columns, rows, truncated }: Answer, seconds: number): void {
  byId('answer').hidden = false;
  const size = `${rows.length}${truncated ? ' and more' : ''} ${rows.length === 1 && !truncated ? 'row' : 'rows'}`;
  byId('summary').textContent = `${size} in ${seconds.toFixed(2)} s`;
  byId('cut').hidden = !truncated;
  const numeric = columns.map((_, i) => isNumeric(i));
  const heads = columns.map((name, i) => {
    const head = create('th', { text: name, className: numeric[i]! ? 'n' : '' });
    head.scope = 'col';
    return head;
  });
  const body = rows.map((row) =>
    create(
      'tr',
      {},
      row.map((cell, i) => {
        const text = value(cell);
        return create('td', { text, className: numeric[i]! ? 'n' : text.length > 60 ? 'wrap' : '' });
      }),
    ),
  );
  byId('rows').replaceChildren(create('thead', {}, [create('tr', {}, heads)]), create('tbody', {}, body));
  offerColumns(columns);
  void drawChart();
}

function isNumeric(column: number): boolean {
  const values = answer!.rows.map((row) => row[column] ?? null).filter((cell) => cell !== null);
  return values.length > 0 && values.every((cell) => typeof cell === 'number');
}

/** Fills the choices, keeping what was chosen where the new answer has it too. */
function offerColumns(columns: readonly string[]): void {
  const numbers = columns.map((_, i) => i).filter(isNumeric);
  const find = (pattern: RegExp): number | undefined => numbers.find((i) => pattern.test(columns[i]!));
  const guesses = [
    find(/flops|step|tokens$/i) ?? numbers[0] ?? 0,
    find(/test.*loss/i) ?? find(/loss/i) ?? numbers.at(-1) ?? 0,
    columns.includes('arch') ? columns.indexOf('arch') : columns.findIndex((_, i) => !isNumeric(i)),
  ];
  for (const [place, select] of [xSelect, ySelect, colorSelect].entries()) {
    const before = select.selectedOptions.item(0)?.textContent;
    const options = columns.map((name, i) => {
      const option = create('option', { text: name });
      option.value = String(i);
      return option;
    });
    const none = create('option', { text: 'none' });
    none.value = '';
    select.replaceChildren(...(select === colorSelect ? [none] : []), ...options);
    const same = columns.findIndex((name) => name === before);
    const chosen = same >= 0 ? same : guesses[place]!;
    select.value = chosen < 0 ? '' : String(chosen);
  }
}

async function drawChart(): Promise<void> {
  if (answer === null || mark.value === '') {
    chart.clear();
    return;
  }
  const { columns, rows } = answer;
  const chosen = { x: xSelect.value, y: ySelect.value, color: colorSelect.value };
  // Columns are drawn by number: a name may hold anything, and dots in it would mean something to Vega.
  const values = rows.map((row) => Object.fromEntries(row.map((cell, i) => [`c${i}`, cell])));
  const encode = (channel: 'x' | 'y'): object => {
    const column = Number(chosen[channel]);
    const quantitative = isNumeric(column) && !(mark.value === 'bar' && channel === 'x');
    return {
      field: `c${column}`,
      type: quantitative ? 'quantitative' : 'nominal',
      axis: { title: columns[column], ...(quantitative ? { format: '.6~g', tickCount: 6 } : {}) },
      ...(quantitative
        ? {
            scale: logs[channel].checked
              ? { type: 'log' }
              : { type: 'linear', zero: mark.value === 'bar', nice: true },
          }
        : {}),
    };
  };
  const colored = chosen.color === '' ? null : Number(chosen.color);
  const groups = colored === null ? [] : [...new Set(rows.map((row) => value(row[colored]!)))].sort();
  const color =
    colored === null
      ? {}
      : {
          color: {
            field: 'group',
            type: 'nominal',
            scale: { domain: groups, range: groups.map((_, i) => theme.colors[i % theme.colors.length]) },
            legend: { title: columns[colored] },
          },
          ...(mark.value === 'bar' ? { xOffset: { field: 'group', type: 'nominal' } } : {}),
        };
  const tooltip = columns.map((title, i) => ({
    field: `c${i}`,
    title,
    type: isNumeric(i) ? 'quantitative' : 'nominal',
    ...(isNumeric(i) ? { format: '.6~g' } : {}),
  }));
  complain(null);
  try {
    await chart.draw({
      data: {
        values:
          colored === null ? values : values.map((row, i) => ({ ...row, group: value(rows[i]![colored]!) })),
      },
      height: 320,
      mark: {
        type: mark.value,
        ...(mark.value === 'line'
          ? { point: true }
          : mark.value === 'point'
            ? { filled: true, size: 60 }
            : {}),
      },
      encoding: { x: encode('x'), y: encode('y'), ...color, tooltip },
    });
  } catch (error) {
    complain(asError(error));
  }
}

async function saveCsv(): Promise<void> {
  if (asked === null) return;
  complain(null);
  try {
    const blob = await (await request('csv', asked)).blob();
    const link = create('a', { href: URL.createObjectURL(blob) });
    link.download = 'answer.csv';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch (error) {
    complain(asError(error));
  }
}

byId('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  void ask();
});
editor.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  void ask();
});
byId('save-csv').addEventListener('click', () => void saveCsv());
byId('chart-form').addEventListener('submit', (event) => {
  event.preventDefault();
});
byId('chart-form').addEventListener('change', () => void drawChart());
document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('button') : null;
  const sql = button?.dataset['sql'];
  const insert = button?.dataset['insert'];
  if (sql !== undefined) {
    editor.value = sql;
    void ask();
  } else if (insert !== undefined) {
    editor.setRangeText(insert, editor.selectionStart, editor.selectionEnd, 'end');
    editor.focus();
  }
});
if (askAtOnce) void ask();
document.documentElement.dataset['ready'] = 'true';
