/** The prompt of `isoloss query`: statements over several lines, completion of names, a few commands with a dot. */
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import type { FileFormat } from '../exchange/formats.js';
import type { IndexOptions } from '../store/database.js';
import { UsageError } from '../store/errors.js';
import { namedQueries } from '../store/namedQueries.js';
import { requireSweep } from '../store/overview.js';
import { describeSchema, query, readSchema } from '../store/query.js';
import type { QueryParameters, Relation } from '../store/query.js';
import { renderTable, tableFormats } from '../store/tableText.js';

export interface PromptOptions {
  readonly resultsDir: string;
  readonly index: IndexOptions;
  readonly parameters: QueryParameters;
  readonly format: FileFormat;
  readonly input?: Readable;
  readonly output?: Writable;
}

const KEYWORDS =
  'SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT JOIN LEFT USING ON AS AND OR NOT IN IS NULL LIKE BETWEEN DISTINCT COUNT SUM AVG MIN MAX CASE WHEN THEN ELSE END WITH DESC ASC ROUND';

const COMMANDS: Readonly<Record<string, string>> = {
  '.help': 'this list',
  '.queries': 'the named queries; their name alone asks them',
  '.schema': 'views and tables with their columns',
  '.sweep NAME': 'the sweep that named queries ask about; without a name all of them',
  '.format NAME': `how answers are written: ${tableFormats.join(', ')}`,
  '.exit': 'leave; so does Ctrl-D',
};

/** Asks and answers until the input ends. What is wrong with a question is shown, and the prompt goes on. */
export async function runPrompt(options: PromptOptions): Promise<void> {
  const { resultsDir, index, output = process.stdout } = options;
  const relations = readSchema(resultsDir, index);
  const say = (text: string): void => {
    output.write(text.endsWith('\n') ? text : `${text}\n`);
  };
  const lines = createInterface({
    input: options.input ?? process.stdin,
    output,
    completer: (line: string) => complete(line, relations),
    prompt: 'isoloss> ',
  });
  let format = tableFormats.find((known) => known === options.format) ?? 'table';
  let parameters = options.parameters;
  let pending = '';

  const command = (text: string): 'exit' | 'stay' => {
    const [name = '', argument] = text.split(/\s+/);
    if (name === '.exit' || name === '.quit') return 'exit';
    if (name === '.schema') say(describeSchema(resultsDir, index));
    else if (name === '.queries')
      say(namedQueries.map((named) => `${named.name}: ${named.description}`).join('\n'));
    else if (name === '.sweep') take(argument);
    else if (name === '.format') {
      const wanted = tableFormats.find((known) => known === argument);
      if (wanted === undefined)
        say(`There is no format ${argument ?? ''}. There are: ${tableFormats.join(', ')}.`);
      else format = wanted;
    } else {
      if (name !== '.help') say(`There is no command ${name}.`);
      say('A statement ends with a semicolon, and may take several lines. Tab completes names.');
      for (const [usage, meaning] of Object.entries(COMMANDS)) say(`  ${usage.padEnd(14)}${meaning}`);
    }
    return 'stay';
  };

  const take = (sweep: string | undefined): void => {
    answering(() => {
      if (sweep !== undefined) requireSweep(resultsDir, sweep, index);
      parameters = { ...parameters, sweep: sweep ?? null };
    });
  };

  const answering = (answer: () => void): void => {
    try {
      answer();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      say(error.message);
    }
  };

  const ask = (question: string): void => {
    answering(() => {
      const { table, notices } = query(resultsDir, question, index, parameters);
      for (const notice of notices) say(notice);
      say(renderTable(table, format));
      if (format === 'table') say(table.rows.length === 1 ? '1 row' : `${table.rows.length} rows`);
    });
  };

  say('Ask in SQL, ended by a semicolon, or by the name of a query, view or table. .help says more.');
  lines.prompt();
  for await (const line of lines) {
    const text = line.trim();
    if (pending === '' && text.startsWith('.')) {
      if (command(text) === 'exit') break;
    } else if (pending === '' && /^[\w-]+$/.test(text)) {
      ask(text);
    } else if (text !== '') {
      pending = pending === '' ? line : `${pending}\n${line}`;
      if (text.endsWith(';')) {
        ask(pending);
        pending = '';
      }
    }
    lines.setPrompt(pending === '' ? 'isoloss> ' : '    ...> ');
    lines.prompt();
  }
  lines.close();
}

/** Names that may stand at the end of a line, and the part of the line that they would replace. */
export function complete(line: string, relations: readonly Relation[]): [string[], string] {
  const word = /[.\w-]*$/.exec(line)?.[0] ?? '';
  if (line.startsWith('.')) {
    const commands = Object.keys(COMMANDS).map((usage) => usage.split(' ')[0]!);
    return [commands.filter((name) => name.startsWith(line)), line];
  }
  const start = word.slice(word.lastIndexOf('.') + 1);
  const isWholeLine = line.trim() === word;
  const names = new Set([
    ...(isWholeLine ? namedQueries.map(({ name }) => name) : []),
    ...relations.map(({ name }) => name),
    ...relations.flatMap(({ columns }) => columns),
    ...KEYWORDS.split(' '),
  ]);
  const hits = [...names].filter((name) => name.toLowerCase().startsWith(start.toLowerCase()));
  return [hits, start];
}
