import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutIntoBlocks } from '../../src/data/blocks.js';
import { sha256, type SourceDocument } from '../../src/data/documents.js';
import { splitDocuments, type SplitDocuments } from '../../src/data/split.js';

function document(name: string, text: string, split: SourceDocument['split'] = null): SourceDocument {
  const bytes = Buffer.from(text, 'utf8');
  return { name, bytes, sha256: sha256(bytes), split };
}

const bytesOf = (documents: readonly SourceDocument[]): number =>
  documents.reduce((sum, { bytes }) => sum + bytes.length, 0);
const textOf = (blocks: readonly SourceDocument[]): string =>
  Buffer.concat(blocks.map(({ bytes }) => bytes)).toString('utf8');
const everyName = ({ documents }: SplitDocuments): string[] =>
  [...documents.train, ...documents.val, ...documents.test].map(({ name }) => name).sort();

describe('splitDocuments', () => {
  const many = Array.from({ length: 60 }, (_, i) => document(`d${i}`, `${i} `.repeat(50 + i)));

  it('holds out whole documents, at least 5% of the bytes for val and for test, each document once', () => {
    const result = splitDocuments(many);
    const total = bytesOf(many);
    expect(result.unit).toBe('document');
    expect(everyName(result)).toEqual(many.map(({ name }) => name).sort());
    for (const split of ['val', 'test'] as const) {
      expect(bytesOf(result.documents[split]) / total).toBeGreaterThanOrEqual(0.05);
      expect(bytesOf(result.documents[split]) / total).toBeLessThan(0.1);
    }
  });

  it('never holds out a document of more than a tenth of the bytes', () => {
    const giants = ['x', 'y', 'z'].map((letter) => document(`giant ${letter}`, letter.repeat(5000)));
    const { unit, documents } = splitDocuments([...many, ...giants]);
    expect(unit).toBe('document');
    expect(documents.train.filter(({ name }) => name.startsWith('giant'))).toHaveLength(3);
  });

  it('puts documents with the same text into the same split', () => {
    const twins = many.map(({ bytes }, i) => document(`twin${i}`, bytes.toString('utf8')));
    const { documents } = splitDocuments([...many, ...twins]);
    const splitsOf = new Map<string, Set<string>>();
    for (const split of ['train', 'val', 'test'] as const) {
      for (const { sha256 } of documents[split])
        splitsOf.set(sha256, (splitsOf.get(sha256) ?? new Set()).add(split));
    }
    expect([...splitsOf.values()].every((splits) => splits.size === 1)).toBe(true);
  });

  it('cuts a single document into blocks at blank lines', () => {
    const paragraphs = Array.from({ length: 400 }, (_, i) => `Paragraph ${i} says this much.`);
    const result = splitDocuments([document('novel', paragraphs.join('\n\n'))]);
    expect(result.unit).toBe('block');
    const blocks = [...result.documents.train, ...result.documents.val, ...result.documents.test];
    expect(blocks.every(({ bytes }) => bytes.toString('utf8').startsWith('Paragraph '))).toBe(true);
    expect(blocks.map(({ name }) => name)).toContain(`novel (1 of ${blocks.length})`);
    expect(bytesOf(result.documents.test)).toBeGreaterThanOrEqual(0.05 * bytesOf(blocks));
    expect(bytesOf(result.documents.val)).toBeGreaterThanOrEqual(0.05 * bytesOf(blocks));
  });

  it('keeps the splits and the order of a corpus that has its own', () => {
    const result = splitDocuments([
      document('a', 'one', 'train'),
      document('b', 'two', 'train'),
      document('c', 'x', 'val'),
      document('d', 'y', 'test'),
    ]);
    expect(result.unit).toBe('given');
    expect(result.documents.train.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(result.documents.val.map(({ name }) => name)).toEqual(['c']);
  });

  it('refuses text too small to be split, with its size', () => {
    expect(() => splitDocuments([document('tiny', 'ab')])).toThrow(
      /too little text, .*\(documents: 1, bytes: 2\)/,
    );
    expect(() => splitDocuments([])).toThrow(/\(documents: 0, bytes: 0\)/);
  });
});

describe('cutIntoBlocks', () => {
  it('cuts anywhere only where there is no better place, and never inside a character', () => {
    const lengths = (text: string): number[] =>
      cutIntoBlocks(document('t', text), 10).map(({ bytes }) => bytes.length);
    expect(lengths(`${'a'.repeat(12)}\n \n${'b'.repeat(30)}`)).toEqual([15, 10, 10, 10]);
    expect(lengths(`${'a'.repeat(12)} b\n${'c'.repeat(15)}`)).toEqual([15, 15]);
    expect(lengths('漢'.repeat(9))).toEqual([12, 15]);
    expect(lengths('short')).toEqual([5]);
  });

  it('loses nothing', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', ' ', '\n', '\n\n', 'é', '漢', '😀'),
      maxLength: 300,
    });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 40 }), (whole, blockBytes) => {
        const blocks = cutIntoBlocks(document('t', whole), blockBytes);
        expect(textOf(blocks)).toBe(whole);
        expect(blocks.map(({ bytes }) => bytes.toString('utf8')).join('')).toBe(whole);
        expect(blocks.every(({ bytes }) => bytes.length > 0 || whole === '')).toBe(true);
      }),
    );
  });
});
