import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalHash,
  canonicalJson,
  removeAsides,
  writeAside,
  writeFileAtomic,
  writeJsonAtomic,
} from '../../src/store/files.js';
import { useTemporaryFolders } from './fixtures.js';

const makeFolder = useTemporaryFolders();

describe('writeFileAtomic', () => {
  it('makes the folder, replaces the file and leaves nothing else', () => {
    const folder = join(makeFolder(), 'a', 'b');
    const path = join(folder, 'x.txt');
    writeFileAtomic(path, 'old');
    writeFileAtomic(path, new Uint8Array([0x6e, 0xc3, 0xa9, 0x77]));
    expect(readFileSync(path, 'utf8')).toBe('néw');
    expect(readdirSync(folder)).toEqual(['x.txt']);
  });

  it('leaves the old content and nothing aside where it fails', () => {
    const folder = makeFolder();
    const path = join(folder, 'x.txt');
    mkdirSync(path);
    expect(() => {
      writeFileAtomic(path, 'new');
    }).toThrow();
    expect(readdirSync(folder)).toEqual(['x.txt']);
    expect(() =>
      writeAside(join(folder, 'y.txt'), () => {
        throw new Error('the disk is full');
      }),
    ).toThrow('the disk is full');
    expect(readdirSync(folder)).toEqual(['x.txt']);
  });

  it.skipIf(process.platform === 'win32')('follows symbolic links, and keeps the mode of the file', () => {
    const folder = makeFolder();
    const path = join(folder, 'x.txt');
    const link = join(makeFolder(), 'link.txt');
    writeFileSync(path, 'old');
    chmodSync(path, 0o600);
    symlinkSync(path, link);
    writeFileAtomic(link, 'new');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['x.txt']);
  });

  it.skipIf(process.platform === 'win32')('follows links to files that are not there yet', () => {
    const folder = makeFolder();
    const links = makeFolder();
    symlinkSync(join(folder, 'x.txt'), join(links, 'one'));
    symlinkSync('one', join(links, 'two'));
    writeFileAtomic(join(links, 'two'), 'new');
    expect(readFileSync(join(folder, 'x.txt'), 'utf8')).toBe('new');
    for (const link of ['one', 'two']) expect(lstatSync(join(links, link)).isSymbolicLink()).toBe(true);
    symlinkSync(join(folder, 'away', 'y.txt'), join(links, 'three'));
    expect(() => {
      writeFileAtomic(join(links, 'three'), 'new');
    }).toThrow(/three is a link to .*y\.txt, and there is no folder .*away: make it, or remove the link/);
    expect(readdirSync(links).sort()).toEqual(['one', 'three', 'two']);
  });

  it.skipIf(process.platform === 'win32')('writes to a pipe as it is', async () => {
    const pipe = join(makeFolder(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'inherit'] });
    writeFileAtomic(pipe, 'through');
    expect(await text(reader.stdout)).toBe('through');
    expect(statSync(pipe).isFIFO()).toBe(true);
  });

  it('writes JSON that people can read', () => {
    const path = join(makeFolder(), 'x.json');
    writeJsonAtomic(path, { a: [1] });
    expect(readFileSync(path, 'utf8')).toBe('{\n  "a": [\n    1\n  ]\n}\n');
  });

  it('finds what killed writers left aside, and only that', () => {
    const folder = makeFolder();
    const aside = writeAside(join(folder, 'run.json'), () => undefined);
    writeFileSync(join(folder, 'run.json'), '');
    expect(existsSync(aside)).toBe(true);
    removeAsides(folder);
    expect(readdirSync(folder)).toEqual(['run.json']);
  });
});

describe('canonicalHash', () => {
  it('hashes the example of RFC 8785, section 3.2.2, as the RFC writes it', () => {
    const value = {
      // eslint-disable-next-line no-loss-of-precision -- the RFC's own example
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
      literals: [null, true, false],
    };
    const text =
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
      '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}';
    expect(canonicalJson(value)).toBe(text);
    expect(canonicalHash(value)).toBe(createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 16));
  });

  it('does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalHash(reversed)).toBe(canonicalHash(value));
      }),
    );
  });

  it('refuses what JSON can not say', () => {
    expect(() => canonicalHash(undefined)).toThrow('no JSON form');
    expect(() => canonicalHash({ rate: NaN })).toThrow();
    expect(() => canonicalHash({ rate: Infinity })).toThrow();
  });
});
