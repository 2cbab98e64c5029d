import { isUtf8 } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDocuments } from '../../src/data/documents.js';
import { sha256OfFile } from '../../src/data/sources.js';
import { firstInvalidUtf8 } from '../../src/data/utf8.js';
import { testFolder } from './folder.js';

const folder = testFolder();

async function read(path: string, sha256 = sha256OfFile(path)): Promise<string[]> {
  const texts: string[] = [];
  for await (const found of readDocuments({ path, name: 'text', split: null }, sha256))
    texts.push(...found.map((bytes) => bytes.toString('utf8')));
  return texts;
}

describe('readDocuments', () => {
  it('takes a file as one document, byte for byte', async () => {
    const text = '\ufeff Ünïcode \r\n\n  stays as it is \u0002 \n';
    await expect(read(folder.write('one.txt', text))).resolves.toEqual([text]);
  });

  it('splits at form feeds and skips stretches of white space', async () => {
    const path = folder.write('several.txt', 'first\n\f\nsecond \f \n\fthird\f\n');
    await expect(read(path)).resolves.toEqual(['first\n', '\nsecond ', 'third']);
  });

  it('reads gzip by content, whatever the name', async () => {
    await expect(read(folder.write('packed.txt', gzipSync('packed\ftext')))).resolves.toEqual([
      'packed',
      'text',
    ]);
  });

  it('refuses what is not UTF-8 with file and offset, inside gzip too', async () => {
    const latin1 = Buffer.from('abc d\xe9f', 'latin1');
    const message = 'is not UTF-8: the byte 0xe9 at offset 5 of its text';
    await expect(read(folder.write('latin1.txt', latin1))).rejects.toThrow(
      `${folder.path}/latin1.txt ${message}`,
    );
    await expect(read(folder.write('latin1.txt.gz', gzipSync(latin1)))).rejects.toThrow(message);
  });

  it('refuses a cut-off gzip file', async () => {
    const path = folder.write('cut.txt.gz', gzipSync('some text '.repeat(1000)).subarray(0, 40));
    await expect(read(path)).rejects.toThrow(/cut\.txt\.gz is not a whole gzip file/);
  });

  it('refuses a file that has changed since it was looked up', async () => {
    const path = folder.write('changing.txt', 'before');
    const before = sha256OfFile(path);
    folder.write('changing.txt', 'after');
    await expect(read(path, before)).rejects.toThrow(/changed while it was being read/);
  });
});

describe('firstInvalidUtf8', () => {
  it('finds the offset at which the longest UTF-8 beginning ends', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.string({ unit: 'binary', maxLength: 3 }).map((text) => Buffer.from(text, 'utf8')),
      fc
        .constantFrom(
          [0xed, 0xa0, 0x80],
          [0xc0, 0x80],
          [0xf4, 0x90, 0x80, 0x80],
          [0xe2, 0x82],
          [0xf0, 0x9f, 0x98],
        )
        .map((b) => Buffer.from(b)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const bytes = Buffer.concat(pieces);
        let expected = -1;
        if (!isUtf8(bytes)) {
          expected = bytes.length;
          while (!isUtf8(bytes.subarray(0, expected))) expected--;
        }
        expect(firstInvalidUtf8(bytes)).toBe(expected);
      }),
      { numRuns: 1500 },
    );
  });
});
