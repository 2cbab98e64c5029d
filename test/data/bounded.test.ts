/** Corpora prepared in bounded memory: on threads, cut off and gone on with, read from disk by position. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { prepareCorpus } from '../../src/data/corpus.js';
import { claimPartial } from '../../src/data/partial.js';
import { rememberedSha256, stampOf } from '../../src/data/stamps.js';
import { textPool } from '../../src/data/textPool.js';
import type { TextAnswer } from '../../src/data/textTasks.js';
import { formatTokenizer } from '../../src/data/tokenizerJson.js';
import { trainTokenizer } from '../../src/data/tokenizer.js';
import { fileTokens, littleEndianBytes } from '../../src/data/tokenSplit.js';
import { countWords } from '../../src/data/words.js';
import { testFolder } from './folder.js';

const folder = testFolder();

/** Words of a small language; text number `seed`. */
function madeUpText(seed: number, words: number): string {
  let state = seed + 1;
  const next = (bound: number): number => (state = (state * 48271) % 2147483647) % bound;
  return Array.from({ length: words }, () => `${next(5000).toString(36)}é`).join(' ');
}

describe('texts', () => {
  const texts = [madeUpText(1, 300), 'x', madeUpText(2, 500)];
  const bytes = texts.map((text) => Buffer.from(text, 'utf8'));
  const path = folder.write('texts', Buffer.concat(bytes));
  const tokenizer = trainTokenizer(texts, 380);
  const ranges = (): Float64Array<ArrayBuffer> =>
    Float64Array.from(bytes.flatMap(({ length }, i) => [Buffer.concat(bytes.slice(0, i)).length, length]));

  it.each([
    ['on this thread', 0],
    ['on threads', Infinity],
  ])('are counted and encoded %s', async (_, assumedBytes) => {
    const pool = textPool(path, assumedBytes);
    try {
      await Promise.all([0, 1, 2].map(async () => pool.do({ kind: 'count', ranges: ranges() })));
      const counts = new Map<string, number>();
      for (const { words, counts: found } of await pool.doByAll({ kind: 'counts' }))
        words!.forEach((word, i) => counts.set(word, (counts.get(word) ?? 0) + found![i]!));
      const expected = new Map<string, number>();
      for (const text of [...texts, ...texts, ...texts]) countWords(text, expected);
      expect(counts).toEqual(expected);
      await pool.doByAll({ kind: 'tokenizer', json: formatTokenizer(tokenizer) });
      const answers: readonly TextAnswer[] = await Promise.all(
        [0, 1, 2, 3].map(async () => pool.do({ kind: 'encode', ranges: ranges() })),
      );
      for (const { encoded } of answers) {
        const expected = texts.map((text) => [...tokenizer.encode(text), tokenizer.separatorId]);
        expect([...encoded!.tokens]).toEqual(expected.flat());
        expect([...encoded!.lengths]).toEqual(expected.map(({ length }) => length));
      }
    } finally {
      await pool.close();
    }
  });
});

describe('tokens on disk', () => {
  it.each([
    ['16', 1024, Uint16Array.from({ length: 500 }, (_, i) => i * 7)],
    ['32', 70_000, Int32Array.from({ length: 500 }, (_, i) => i * 130)],
  ])('of %s bits are read from any place', (width, vocabSize, tokens) => {
    const path = folder.write(`${width}.bin`, littleEndianBytes(tokens));
    const stream = fileTokens(path, vocabSize, tokens.length);
    expect(stream.slice(0, 500)).toEqual(tokens);
    expect(stream.slice(123, 140)).toEqual(tokens.slice(123, 140));
    expect(() => stream.slice(490, 501)).toThrow(/bin can't be read .*too early/);
  });
});

describe('stamps', () => {
  it('are given to files that have settled, and change with them', () => {
    const path = folder.write('stamped.txt', 'one');
    expect(stampOf(path)).toBeNull();
    expect(stampOf(join(folder.path, 'nothing'))).toBeNull();
  });

  it('do not keep a hash beyond a change', async () => {
    const large = Buffer.alloc(5 * 2 ** 20, 'a');
    const path = folder.write('large.txt', large);
    const cacheDir = join(folder.path, 'hashes');
    await sleep(2100);
    const [first] = rememberedSha256([path], cacheDir);
    expect(rememberedSha256([path], cacheDir)).toEqual([first]);
    expect(readFileSync(join(cacheDir, 'hashes.json'), 'utf8')).toContain(first!);
    const before = new Date(Date.now() - 10_000);
    large[17] = 98;
    writeFileSync(path, large);
    // The clock is set back: only the time of the change itself tells.
    utimesSync(path, before, before);
    expect(rememberedSha256([path], cacheDir)).not.toEqual([first]);
  });
});

describe('a preparation that is killed', { timeout: 240_000 }, () => {
  it('is gone on with by the next, to the same streams', async () => {
    for (let i = 0; i < 12; i++) folder.write(`long/${String(i).padStart(2, '0')}.txt`, madeUpText(i, 8000));
    const options = { corpus: 'long/*.txt', vocabSize: 600, baseDir: folder.path };
    const undisturbed = await prepareCorpus({ ...options, cacheDir: join(folder.path, 'undisturbed') });
    const cacheDir = join(folder.path, 'killed');
    const script = resolve(import.meta.dirname, 'prepareStepwise.ts');
    const stages = ['reading', 'encoding', 'encoding'];
    const folders: string[][] = [];
    for (const stage of stages) {
      const child: ChildProcess = spawn(
        process.execPath,
        ['--import', 'jiti/register', script, folder.path, options.corpus, cacheDir, stage],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      await once(child.stdout!, 'data');
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
      folders.push(readdirSync(join(cacheDir, 'corpora')));
    }
    // Each took over the one folder that there was.
    expect(folders.map(({ length }) => length)).toEqual([1, 1, 1]);
    let read = 0;
    const corpus = await prepareCorpus({
      ...options,
      cacheDir,
      onProgress: ({ phase }) => {
        if (phase === 'reading') read += 1;
      },
    });
    expect(read).toBe(0);
    for (const split of ['train', 'val', 'test'] as const) {
      expect(corpus[split].sha256).toBe(undisturbed[split].sha256);
      const { length } = corpus[split].tokens;
      expect(corpus[split].tokens.slice(0, length)).toEqual(undisturbed[split].tokens.slice(0, length));
      expect(corpus[split].documentStarts).toEqual(undisturbed[split].documentStarts);
    }
    expect(corpus.contentSha256).toBe(undisturbed.contentSha256);
    expect(readdirSync(join(cacheDir, 'corpora'))).toHaveLength(1);
  });

  it('is left alone while its process lives', () => {
    const parent = join(folder.path, 'claims');
    const one = claimPartial(parent, 'corpus');
    const two = claimPartial(parent, 'corpus');
    expect(one).not.toBe(two);
    expect(readdirSync(parent)).toHaveLength(2);
  });
});
