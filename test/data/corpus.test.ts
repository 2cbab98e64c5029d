import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { defaultCacheDir } from '../../src/data/cache.js';
import {
  corpusDescription,
  prepareCorpus,
  type PreparedCorpus,
  type PrepareOptions,
} from '../../src/data/corpus.js';
import type { TokenSplit } from '../../src/data/tokenSplit.js';
import { trainTokenizer } from '../../src/data/tokenizer.js';
import { formatTokenizer } from '../../src/data/tokenizerJson.js';
import { testFolder } from './folder.js';

const folder = testFolder();
const cacheDir = join(folder.path, 'cache');

/** Documents of a small language, different in every document. */
function smallText(document: number): string {
  const syllables = ['ka', 'to', 'mi', 'ré', 'su', 'lon', 'ver', 'ti'];
  let state = document + 1;
  const next = (bound: number): number => (state = (state * 48271) % 2147483647) % bound;
  const word = (): string =>
    Array.from({ length: 1 + next(3) }, () => syllables[next(syllables.length)]).join('');
  return Array.from({ length: 60 }, word).join(' ');
}
const everyText = Array.from({ length: 40 }, (_, i) => smallText(i));
everyText.forEach((text, i) => folder.write(`texts/d${String(i).padStart(2, '0')}.txt`, text));

const prepareSmall = (options: Partial<PrepareOptions> = {}): Promise<PreparedCorpus> =>
  prepareCorpus({ corpus: 'texts/*.txt', vocabSize: 300, baseDir: folder.path, cacheDir, ...options });
/** The ids of a split's documents, their separators left out. */
function documentsOf({ tokens, documentStarts }: TokenSplit): Int32Array[] {
  return [...documentStarts].map((start, i) =>
    Int32Array.from(tokens.slice(start, (documentStarts[i + 1] ?? tokens.length) - 1)),
  );
}
const streams = ({ train, val, test }: PreparedCorpus): string[] => [train.sha256, val.sha256, test.sha256];

describe('the default corpus', () => {
  it('has the streams of an implementation in Python with the tokenizer of Hugging Face', async () => {
    const corpus = await prepareCorpus({ corpus: 'sotu', vocabSize: 1024, cacheDir });
    expect(corpusDescription(corpus)).toMatchObject({
      id: 'sotu',
      name: 'State of the Union addresses',
      contentSha256: '114e0a6754aa96af33dafdb0cfc18efeb036e28a2cd717629bad3bc120a3be54',
      splitUnit: 'document',
      documents: 233,
      utf8Bytes: 10_761_413,
      splits: {
        train: {
          documents: 208,
          utf8Bytes: 9_663_004,
          tokens: 3_248_834,
          sha256: 'ad55bb6619e240d9e008f7893d24850b040f47c2c4b53d6b288240475eb7936b',
        },
        val: {
          documents: 11,
          utf8Bytes: 552_340,
          tokens: 182_984,
          sha256: 'de445d759315f206356c45dd3b165a08cc9efb5584b67e0abc6cdfa9b4853f05',
        },
        test: {
          documents: 14,
          utf8Bytes: 546_069,
          tokens: 183_202,
          sha256: '91295e0375c4ae1dd94c89ae04f4a7732e88d1b3c53bd64d74ed4edcf2cfa5fa',
        },
      },
    });
  });
});

describe('prepareCorpus', () => {
  it('lays documents end to end, a separator after each', async () => {
    const { val, tokenizer } = await prepareSmall();
    const texts = documentsOf(val).map((ids) => tokenizer.decode(ids));
    expect(texts).toHaveLength(val.documentCount);
    expect(everyText).toEqual(expect.arrayContaining(texts));
    const tokens = [...val.tokens.slice(0, val.tokens.length)];
    const separators = [...tokens.keys()].filter((i) => tokens[i] === tokenizer.separatorId);
    expect(separators.map((i) => i + 1)).toEqual([...val.documentStarts.subarray(1), tokens.length]);
    expect(val.utf8Bytes).toBe(tokens.reduce((sum, id) => sum + tokenizer.byteLengths[id]!, 0));
  });

  it('trains the tokenizer on the training split alone', async () => {
    const { train, tokenizer } = await prepareSmall();
    const texts = documentsOf(train).map((ids) => tokenizer.decode(ids));
    expect(formatTokenizer(tokenizer)).toBe(formatTokenizer(trainTokenizer(texts, 300)));
  });

  it('hashes streams as little-endian integers, 16 or 32 bits wide', async () => {
    const { val } = await prepareSmall();
    const bytes = Buffer.alloc(2 * val.tokens.length);
    const tokens = val.tokens.slice(0, val.tokens.length);
    tokens.forEach((id, i) => bytes.writeUInt16LE(id, 2 * i));
    expect(tokens).toBeInstanceOf(Uint16Array);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(val.sha256);
  });

  it('uses the splits that a folder brings, and says where they share a document', async () => {
    for (const [name, first] of [
      ['train-0', 0],
      ['train-1', 10],
      ['val', 20],
      ['test', 5],
    ] as const) {
      folder.write(`own/${name}.txt`, Array.from({ length: 8 }, (_, i) => smallText(first + i)).join('\f'));
    }
    const warnings: string[] = [];
    const corpus = await prepareSmall({ corpus: 'own', onWarning: (message) => warnings.push(message) });
    expect(corpus.splitUnit).toBe('given');
    const texts = documentsOf(corpus.train).map((ids) => corpus.tokenizer.decode(ids));
    expect(texts.slice(7, 9)).toEqual([smallText(7), smallText(10)]);
    expect(warnings).toHaveLength(6);
    expect(warnings[0]).toBe('Document test#1 of the test split is also trained on, as train-0#6.');
  });

  it('refuses a vocabulary that the text cannot fill', async () => {
    await expect(prepareSmall({ vocabSize: 5000 })).rejects.toThrow(
      /for a vocabulary of \d+ tokens only, and 5000/,
    );
    await expect(prepareSmall({ vocabSize: 256 })).rejects.toThrow(/is not possible/);
  });

  it('tells its progress', async () => {
    const phases = new Map<string, number>();
    await prepareSmall({
      vocabSize: 301,
      onProgress: ({ phase, done, total }) => {
        expect(done / total).toBeGreaterThan(phases.get(phase) ?? 0);
        phases.set(phase, done / total);
      },
    });
    expect([...phases]).toEqual([
      ['reading', 1],
      ['training the tokenizer', 1],
      ['encoding', 1],
    ]);
  });
});

describe('the cache', () => {
  it('gives back what was prepared, and notices changed text', async () => {
    const first = await prepareSmall();
    let worked = false;
    const again = await prepareSmall({ onProgress: () => (worked = true) });
    expect(worked).toBe(false);
    expect(corpusDescription(again)).toEqual(corpusDescription(first));
    expect(documentsOf(again.val)).toEqual(documentsOf(first.val));
    expect(formatTokenizer(again.tokenizer)).toBe(formatTokenizer(first.tokenizer));

    folder.write('texts/d07.txt', `${smallText(7)}!`);
    const changed = await prepareSmall();
    folder.write('texts/d07.txt', smallText(7));
    expect(changed.contentSha256).not.toBe(first.contentSha256);
    expect(changed.directory).not.toBe(first.directory);
  });

  it.each<[string, (directory: string) => void]>([
    [
      'a flipped bit in a stream',
      (directory) => {
        flipBit(join(directory, 'train.bin'));
      },
    ],
    [
      'a cut-off stream',
      (directory) => {
        truncateSync(join(directory, 'test.bin'), 11);
      },
    ],
    [
      'another tokenizer',
      (directory) => {
        writeFileSync(join(directory, 'tokenizer.json'), '{}');
      },
    ],
    [
      'a flipped bit in meta.json',
      (directory) => {
        flipBit(join(directory, 'meta.json'));
      },
    ],
    [
      'no meta.json',
      (directory) => {
        rmSync(join(directory, 'meta.json'));
      },
    ],
  ])('with %s is prepared again', async (_, damage) => {
    const first = await prepareSmall();
    damage(first.directory!);
    const again = await prepareSmall();
    expect(streams(again)).toEqual(streams(first));
    let worked = false;
    await prepareSmall({ onProgress: () => (worked = true) });
    expect(worked).toBe(false);
  });

  it('leaves nothing beside the corpora', async () => {
    await prepareSmall();
    expect(readdirSync(join(cacheDir, 'corpora')).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('that can not be written is done without, with a warning', async () => {
    const warnings: string[] = [];
    const blocked = folder.write('a-file', '');
    const corpus = await prepareSmall({ cacheDir: blocked, onWarning: (message) => warnings.push(message) });
    expect(streams(corpus)).toEqual(streams(await prepareSmall()));
    expect(corpus.directory).toBeNull();
    expect(warnings).toEqual([expect.stringMatching(/can't be kept in .*a-file.*Set ISOLOSS_CACHE/)]);
  });

  it('serves processes that prepare the same corpus at once', async () => {
    const shared = join(folder.path, 'shared-cache');
    const script = resolve(import.meta.dirname, 'prepareInProcess.ts');
    const run = (): Promise<{ stdout: string }> =>
      promisify(execFile)(process.execPath, [
        '--import',
        'jiti/register',
        script,
        join(folder.path, 'texts/*.txt'),
        shared,
      ]);
    const results = await Promise.all([run(), run(), run(), run()]);
    expect(new Set(results.map(({ stdout }) => stdout)).size).toBe(1);
    const { streams: found, directory } = JSON.parse(results[0].stdout) as {
      streams: string[];
      directory: string;
    };
    expect(found).toEqual(streams(await prepareSmall()));
    expect(readdirSync(join(shared, 'corpora'))).toEqual([directory.slice(directory.lastIndexOf('/') + 1)]);
  });

  it('lies where the user or the system says', () => {
    expect(defaultCacheDir({ ISOLOSS_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
    expect(defaultCacheDir({ XDG_CACHE_HOME: '/b' })).toBe('/b/isoloss');
    expect(defaultCacheDir({ XDG_CACHE_HOME: 'relative' })).toMatch(/[/\\]\.cache[/\\]isoloss$/);
  });
});

const novels = resolve(process.env['ISOLOSS_SHARED'] ?? '../shared', 'data/fiction-en-clean/val.txt.gz');

describe.skipIf(!existsSync(novels))('novels (skipped without the shared data)', () => {
  it('four in one gzip file are cut into blocks', async () => {
    const corpus = await prepareCorpus({ corpus: novels, vocabSize: 512, cacheDir });
    const { splitUnit, utf8Bytes, splits } = corpusDescription(corpus);
    // The file's 2,893,003 bytes less three form feeds.
    expect([splitUnit, utf8Bytes]).toEqual(['block', 2_893_000]);
    expect(splits.test.utf8Bytes).toBeGreaterThan(0.05 * utf8Bytes);
  });
});

function flipBit(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
}
