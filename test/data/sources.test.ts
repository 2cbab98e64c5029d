import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { locateCorpus, sha256OfFile } from '../../src/data/sources.js';
import { testFolder } from './folder.js';

const folder = testFolder();
for (const name of [
  'b.txt',
  'a.txt',
  'B.txt',
  'c.txt.gz',
  'notes.md',
  '.hidden.txt',
  'a[1].txt',
  'deep/d.txt',
]) {
  folder.write(`texts/${name}`, 'text');
}
for (const name of ['train-01.txt.gz', 'train-00.txt', 'val.txt', 'test.txt.gz', 'SOURCE.txt'])
  folder.write(`own/${name}`, 'text');
folder.write('partial/train.txt', 'text');
folder.write('twice/train.txt', 'text');
folder.write('twice/val.txt', 'text');
folder.write('twice/val.txt.gz', 'text');
folder.write('twice/test.txt', 'text');

const names = (corpus: string): string[] => locateCorpus(corpus, folder.path).files.map(({ name }) => name);

describe('sha256OfFile', () => {
  it('names what it can not read', () => {
    expect(() => sha256OfFile(folder.path)).toThrow(/can't be read \(EISDIR/);
    expect(() => sha256OfFile(join(folder.path, 'nothing'))).toThrow(/nothing can't be read \(ENOENT/);
  });
});

describe('locateCorpus', () => {
  it('finds the default corpus', () => {
    const { files, origin, licence, name } = locateCorpus('sotu', '/nowhere');
    expect(files).toHaveLength(233);
    expect(files[0]!.name).toBe('1790_george_washington_n');
    expect(origin).toMatch(/^npm package @stdlib\/datasets-sotu \d+\.\d+\.\d+$/);
    expect(licence).toContain('CC0');
    expect(name).toBe('State of the Union addresses');
  });

  it('takes a pattern of * and ?, sorted by name in the same way everywhere', () => {
    expect(names('texts/*.txt')).toEqual(['B', 'a', 'a[1]', 'b']);
    expect(names('texts/?.txt*')).toEqual(['B', 'a', 'b', 'c']);
    expect(names('texts/a[?].txt')).toEqual(['a[1]']);
    expect(names('texts/.*.txt')).toEqual(['.hidden']);
  });

  it('does not look into what a pattern does not ask for', () => {
    symlinkSync('loop.link', join(folder.path, 'texts/loop.link'));
    expect(names('texts/?.txt*')).toEqual(['B', 'a', 'b', 'c']);
    rmSync(join(folder.path, 'texts/loop.link'));
  });

  it('takes one file', () => {
    expect(names('texts/c.txt.gz')).toEqual(['c']);
  });

  it('takes a folder with its own splits', () => {
    const { files } = locateCorpus('own', folder.path);
    expect(files.map(({ name, split }) => [name, split])).toEqual([
      ['train-00', 'train'],
      ['train-01', 'train'],
      ['val', 'val'],
      ['test', 'test'],
    ]);
  });

  it.each([
    [
      'absent.txt',
      /Corpus absent\.txt: there is no file or folder .*absent\.txt\. A corpus is sotu, a text file,/,
    ],
    ['texts/*.text', /no file in .*texts is called \*\.text/],
    ['absent/*.txt', /the folder .*absent can't be read \(ENOENT/],
    ['te*/a.txt', /\* and \? are understood in the file name only/],
    ['texts', /has no train\*\.txt, no val\.txt, no test\.txt \(or \.txt\.gz\)\. .*texts\/\*\.txt/],
    ['partial', /has no val\.txt, no test\.txt/],
    ['twice', /val\.txt and val\.txt\.gz are both in/],
  ])('refuses %s, with the reason', (corpus, message) => {
    expect(() => locateCorpus(corpus, folder.path)).toThrow(message);
  });
});
