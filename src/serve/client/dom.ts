/** Small helpers over the document. Texts are always set as text, so that no name can become markup. */

/** The data that the server put into the page. */
export function pageData(): unknown {
  return JSON.parse(byId('page-data').textContent);
}

/** @throws Error where the page has no such element: page and script do not belong together */
export function byId(id: string): HTMLElement {
  return typedById(id, HTMLElement);
}

/** @throws Error as `byId`, and where the element is of another kind */
export function typedById<E extends HTMLElement>(id: string, kind: new () => E): E {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`The page has no ${kind.name} ${id}.`);
  return element;
}

export function create<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  options: { readonly className?: string; readonly text?: string; readonly href?: string } = {},
  children: readonly Node[] = [],
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (options.className !== undefined) element.className = options.className;
  if (options.text !== undefined) element.textContent = options.text;
  if (options.href !== undefined) element.setAttribute('href', options.href);
  element.append(...children);
  return element;
}

/** What a cell shows: a text, a text that leads somewhere, or a share as a bar. */
export type Cell =
  | { readonly text: string; readonly href?: string; readonly numeric?: boolean; readonly className?: string }
  | { readonly share: number; readonly text: string };

/**
 * Shows rows in a table, keeping the elements of rows that stay, so that focus and selection survive an update.
 *
 * @param place an element of its own, made into a scroller with the table
 * @param rows by key, in order
 */
export function showTable(
  place: HTMLElement,
  label: string,
  heads: readonly { readonly label: string; readonly numeric?: boolean }[],
  rows: readonly { readonly key: string; readonly cells: readonly Cell[] }[],
): void {
  let body = place.querySelector('tbody');
  if (body === null) {
    const head = create(
      'tr',
      {},
      heads.map((column) => headCell(column)),
    );
    body = create('tbody');
    const table = create('table', {}, [create('thead', {}, [head]), body]);
    place.replaceChildren(table);
    place.className = 'scroll';
    place.setAttribute('role', 'region');
    place.setAttribute('aria-label', label);
    place.tabIndex = 0;
  }
  const known = new Map([...body.rows].map((row) => [row.dataset['key'], row]));
  const shown = rows.map(({ key, cells }) => {
    const row = known.get(key) ?? newRow(key, cells);
    cells.forEach((cell, i) => {
      fill(row.cells[i]!, cell);
    });
    return row;
  });
  const isSame = shown.length === body.rows.length && shown.every((row, i) => body.rows[i] === row);
  if (!isSame) body.replaceChildren(...shown);
}

function headCell({ label, numeric }: { readonly label: string; readonly numeric?: boolean }): HTMLElement {
  const cell = create('th', { text: label, className: numeric === true ? 'n' : '' });
  cell.scope = 'col';
  return cell;
}

function newRow(key: string, cells: readonly Cell[]): HTMLTableRowElement {
  const row = create(
    'tr',
    {},
    cells.map((cell) => {
      const td = create('td');
      if ('share' in cell) {
        const bar = create('progress');
        bar.max = 1;
        td.append(bar, ' ', create('span', { className: 'small' }));
      } else if (cell.href !== undefined) {
        td.append(create('a'));
      }
      return td;
    }),
  );
  row.dataset['key'] = key;
  return row;
}

function fill(td: HTMLTableCellElement, cell: Cell): void {
  if ('share' in cell) {
    const bar = td.querySelector('progress')!;
    bar.value = cell.share;
    bar.setAttribute('aria-label', cell.text);
    setText(td.querySelector('span')!, cell.text);
    return;
  }
  td.className = [cell.numeric === true ? 'n' : '', cell.className ?? ''].join(' ').trim();
  if (cell.href === undefined) {
    setText(td, cell.text);
    return;
  }
  const link = td.querySelector('a')!;
  link.setAttribute('href', cell.href);
  setText(link, cell.text);
}

function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
