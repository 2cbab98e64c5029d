/** JSON Lines and Parquet files as corpora, and corpora known by a name. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { prepareCorpus } from '../../src/data/corpus.js';
import { readDocuments } from '../../src/data/documents.js';
import { addCorpus, listCorpora } from '../../src/data/manage.js';
import { sha256OfFile } from '../../src/data/sources.js';
import { testFolder } from './folder.js';
import { PARQUET } from './parquetFixture.js';

const folder = testFolder();

const texts = async (path: string, field?: string): Promise<string[]> => {
  const file = { path, name: 'rows', split: null, ...(field === undefined ? {} : { field }) };
  const found: string[] = [];
  for await (const documents of readDocuments(file, sha256OfFile(path)))
    found.push(...documents.map((bytes) => bytes.toString('utf8')));
  return found;
};

describe('tables of text', () => {
  it('gives a document a row, those without text left out', async () => {
    const expected = ['First document, na\u00efve.', 'Second\nwith lines \u{1f600}', 'Third '.repeat(20)];
    const parquet = folder.write('a.parquet', PARQUET);
    expect(await texts(parquet)).toEqual(expected);
    const lines = ['First document, na\u00efve.', '', 'Second\nwith lines \u{1f600}', 'Third '.repeat(20)]
      .map((text, id) => JSON.stringify({ id, body: text }))
      .join('\n\n');
    expect(await texts(folder.write('a.jsonl', lines), 'body')).toEqual(expected);
    expect(await texts(folder.write('a.jsonl.gz', gzipSync(`${lines}\n`)), 'body')).toEqual(expected);
  });

  it('names file, row and field where there is no text', async () => {
    const jsonl = folder.write('b.jsonl', '{"text":"a"}\n\n{"txt":"b"}\n');
    await expect(texts(jsonl)).rejects.toThrow(
      /b\.jsonl:3: there is no "text"\. There are: txt\. Name the one/,
    );
    await expect(texts(folder.write('c.jsonl', '{"text":"a"}\n{"te'))).rejects.toThrow(
      /c\.jsonl:2 is not JSON/,
    );
    await expect(texts(folder.write('d.jsonl', '{"text":5}'))).rejects.toThrow(
      /d\.jsonl:1: "text" is number/,
    );
    await expect(texts(folder.write('e.jsonl', '{"text":"\\ud800"}'))).rejects.toThrow(/half of a surrogate/);
    const parquet = folder.write('b.parquet', PARQUET);
    await expect(texts(parquet, 'body')).rejects.toThrow(/there is no "body"\. There are: text, id/);
    await expect(texts(folder.write('f.parquet', 'no table'))).rejects.toThrow(/can't be read as Parquet/);
    await expect(texts(folder.write('g.parquet', PARQUET.subarray(0, 300)))).rejects.toThrow(/as Parquet/);
  });
});

describe('corpora known by a name', () => {
  const rows = (seed: number): string =>
    Array.from({ length: 60 }, (_, i) =>
      JSON.stringify({
        text: `Document ${i} of ${seed}. ${'So it goes on, word by word. '.repeat(5 + (i % 7))}`,
      }),
    ).join('\n');

  it('are found by it, with the same tokens as by their path, as long as their files stay the same', async () => {
    const cacheDir = join(folder.path, 'cache');
    const path = folder.write('named.jsonl', rows(1));
    expect(addCorpus('mine', path, { cacheDir }).path).toBe(path);
    expect(listCorpora(cacheDir).map(({ name, state }) => [name, state])).toEqual([
      ['sotu', 'ready'],
      ['mine', 'ready'],
    ]);
    const common = { vocabSize: 270, cacheDir, baseDir: '/' };
    const byName = await prepareCorpus({ ...common, corpus: 'mine' });
    const byPath = await prepareCorpus({ ...common, corpus: path });
    expect(byName.train.sha256).toBe(byPath.train.sha256);
    expect(byName.id).toBe('mine');
    writeFileSync(path, rows(2));
    await expect(prepareCorpus({ ...common, corpus: 'mine' })).rejects.toThrow(
      /its files in .*named\.jsonl have changed since it was added/,
    );
    addCorpus('mine', path, { cacheDir });
    expect((await prepareCorpus({ ...common, corpus: 'mine' })).train.sha256).not.toBe(byName.train.sha256);
    const elsewhere = folder.write('elsewhere.jsonl', rows(3));
    expect(() => addCorpus('mine', elsewhere, { cacheDir })).toThrow(
      /mine is the name of other texts, .*named\.jsonl; say --replace/,
    );
    expect(addCorpus('mine', elsewhere, { cacheDir, replace: true }).path).toBe(elsewhere);
  });

  it('need a name that can be one, and files', () => {
    const cacheDir = join(folder.path, 'cache2');
    const path = folder.write('named2.jsonl', rows(1));
    expect(() => addCorpus('sotu', path, { cacheDir })).toThrow(/can't name a corpus/);
    expect(() => addCorpus('a/b', path, { cacheDir })).toThrow(/can't name a corpus/);
    expect(() => addCorpus('mine', join(folder.path, 'nothing'), { cacheDir })).toThrow(
      /there is no file or folder/,
    );
  });
});
