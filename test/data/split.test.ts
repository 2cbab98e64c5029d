import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockEnds } from '../../src/data/blocks.js';
import { sha256Start } from '../../src/data/documents.js';
import { SPLIT_NAMES, type SplitName } from '../../src/data/sources.js';
import { splitDocuments } from '../../src/data/split.js';
import { TextTable } from '../../src/data/textTable.js';

/** Divides texts, each a file of its own, and gives back the texts of each split. */
function divide(
  texts: readonly string[],
  splits: readonly SplitName[] = [],
): { readonly unit: string } & Record<SplitName, string[]> {
  const table = new TextTable();
  let length = 0;
  texts.forEach((text, file) => {
    const bytes = Buffer.from(text, 'utf8');
    table.add(length, bytes.length, file, sha256Start(bytes));
    length += bytes.length;
  });
  const all = Buffer.from(texts.join(''), 'utf8');
  const divided = splitDocuments({
    table,
    splitOfFile: (file) => splits[file] ?? null,
    read: (from, to) => all.subarray(from, to),
  });
  const of = (split: SplitName): string[] =>
    Array.from(divided.order[split], (row) => {
      const start = divided.texts.startOf(row);
      return all.toString('utf8', start, start + divided.texts.bytesOf(row));
    });
  return { unit: divided.unit, train: of('train'), val: of('val'), test: of('test') };
}

const bytesOf = (texts: readonly string[]): number => Buffer.byteLength(texts.join(''));
const everyText = ({ train, val, test }: Record<SplitName, string[]>): string[] => [
  ...train,
  ...val,
  ...test,
];

describe('splitDocuments', () => {
  const many = Array.from({ length: 60 }, (_, i) => `${i} `.repeat(50 + i));

  it('holds out whole documents, at least 5% of the bytes for val and for test, each document once', () => {
    const result = divide(many);
    const total = bytesOf(many);
    expect(result.unit).toBe('document');
    expect(everyText(result).sort()).toEqual([...many].sort());
    for (const split of ['val', 'test'] as const) {
      expect(bytesOf(result[split]) / total).toBeGreaterThanOrEqual(0.05);
      expect(bytesOf(result[split]) / total).toBeLessThan(0.1);
    }
  });

  it('never holds out a document of more than a tenth of the bytes', () => {
    const giants = ['x', 'y', 'z', 'x'].map((letter) => letter.repeat(5000));
    const { unit, train } = divide([...many, ...giants]);
    expect(unit).toBe('document');
    expect(train.filter((text) => text.length === 5000)).toHaveLength(4);
  });

  it('puts documents with the same text into the same split', () => {
    const result = divide([...many, ...many]);
    expect(everyText(result)).toHaveLength(2 * many.length);
    const splitsOf = new Map<string, Set<string>>();
    for (const split of SPLIT_NAMES) {
      for (const text of result[split]) splitsOf.set(text, (splitsOf.get(text) ?? new Set()).add(split));
    }
    expect([...splitsOf.values()].every((splits) => splits.size === 1)).toBe(true);
  });

  it('cuts a single document into blocks at blank lines', () => {
    const paragraphs = Array.from({ length: 400 }, (_, i) => `Paragraph ${i} says this much.`);
    const novel = paragraphs.join('\n\n');
    const result = divide([novel]);
    expect(result.unit).toBe('block');
    const blocks = everyText(result);
    expect(blocks.length).toBeGreaterThan(50);
    expect(blocks.every((block) => block.startsWith('Paragraph '))).toBe(true);
    expect(bytesOf(blocks)).toBe(bytesOf([novel]));
    expect(bytesOf(result.test)).toBeGreaterThanOrEqual(0.05 * bytesOf(blocks));
    expect(bytesOf(result.val)).toBeGreaterThanOrEqual(0.05 * bytesOf(blocks));
  });

  it('keeps the splits and the order of a corpus that has its own', () => {
    const result = divide(['one', 'two', 'x', 'y'], ['train', 'train', 'val', 'test']);
    expect(result).toEqual({ unit: 'given', train: ['one', 'two'], val: ['x'], test: ['y'] });
  });

  it('refuses text too small to be split, with its size', () => {
    expect(() => divide(['ab'])).toThrow(/too little text, .*\(documents: 1, bytes: 2\)/);
    expect(() => divide([])).toThrow(/\(documents: 0, bytes: 0\)/);
  });
});

describe('the blocks of a document', () => {
  function blocksOf(text: string, blockBytes: number): Buffer[] {
    const bytes = Buffer.from(text, 'utf8');
    const ends = blockEnds(bytes.length, blockBytes, (from, to) => bytes.subarray(from, to));
    return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
  }

  it('are cut anywhere only where there is no better place, and never inside a character', () => {
    const lengths = (text: string): number[] => blocksOf(text, 10).map(({ length }) => length);
    expect(lengths(`${'a'.repeat(12)}\n \n${'b'.repeat(30)}`)).toEqual([15, 10, 10, 10]);
    expect(lengths(`${'a'.repeat(12)} b\n${'c'.repeat(15)}`)).toEqual([15, 15]);
    expect(lengths('漢'.repeat(9))).toEqual([12, 15]);
    expect(lengths('short')).toEqual([5]);
  });

  it('lose nothing', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', ' ', '\n', '\n\n', 'é', '漢', '😀'),
      maxLength: 300,
    });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 40 }), (whole, blockBytes) => {
        const blocks = blocksOf(whole, blockBytes);
        expect(Buffer.concat(blocks).toString('utf8')).toBe(whole);
        expect(blocks.map((bytes) => bytes.toString('utf8')).join('')).toBe(whole);
        expect(blocks.every(({ length }) => length > 0)).toBe(true);
      }),
    );
  });
});
