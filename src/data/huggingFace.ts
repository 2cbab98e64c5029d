/**
 * Hugging Face datasets by name: their Parquet or JSON Lines shards, downloaded once into the cache folder. A download that
 * was cut off goes on where it stands (Range), and every shard is checked against the SHA-256 that the server states for it.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type DownloadHints, downloadFile, fetchChecked } from './download.js';
import { CorpusError, CorpusMissing } from './errors.js';
import { makeDirectory } from './folders.js';
import { repositoryShards, type ShardsBySplit } from './huggingFaceFiles.js';
import type { ResolveOptions } from './resolve.js';
import { type CorpusSource, SPLIT_NAMES, type SourceFile, type SplitName } from './sources.js';

/** `hf:OWNER/NAME`, `hf:OWNER/NAME/CONFIG`, each with `?shards=N` and `#FIELD`. */
const DATASET = /^hf:([\w.-]+\/[\w.-]+|[\w.-]+)(?:\/([\w.-]+))?(?:\?shards=([1-9]\d*))?(?:#(.+))?$/;

export function isDatasetName(corpus: string): boolean {
  return corpus.startsWith('hf:');
}

const DEFAULT_ENDPOINT = 'https://huggingface.co';

/** The server to ask: `$HF_ENDPOINT` where set, as for Hugging Face's own tools. */
function endpoint(): string {
  return (process.env['HF_ENDPOINT'] ?? DEFAULT_ENDPOINT).replace(/\/+$/, '');
}

/** Addresses of the shards by configuration and split. */
const listingSchema = z.record(z.string(), z.record(z.string(), z.array(z.string())));

/** What the server calls our splits. */
const SPLIT_OF: Readonly<Record<string, SplitName>> = {
  train: 'train',
  validation: 'val',
  valid: 'val',
  val: 'val',
  dev: 'val',
  test: 'test',
};

const manifestSchema = z.object({
  files: z.array(z.object({ name: z.string(), split: z.enum(SPLIT_NAMES).nullable() })),
});

/**
 * Files of a dataset, downloading what is not here yet; without a network if all of it is.
 *
 * Its own splits are kept where it has training, validation and test data; otherwise its training data alone is taken,
 * and divided as any other text.
 *
 * @param corpus `hf:OWNER/NAME`, with `/CONFIG` where it has several, `?shards=N` for the first N training shards, and
 *   `#FIELD` where the text is not in `text`
 * @throws CorpusError where there is no such dataset or no network
 */
export async function downloadDataset(corpus: string, options: ResolveOptions): Promise<CorpusSource> {
  const [, dataset, config, shards, field] = DATASET.exec(corpus) ?? [];
  if (dataset === undefined) {
    throw new CorpusError(
      `Corpus ${corpus}: a Hugging Face dataset is written hf:OWNER/NAME, hf:OWNER/NAME/CONFIG, with ?shards=N for the ` +
        'first N training shards and #FIELD for the column of the text.',
    );
  }
  const slug = [dataset, config ?? '', shards ?? '']
    .join(' ')
    .trim()
    .replace(/[^\w.-]+/g, '--');
  const folder = join(options.cacheDir, 'datasets', slug);
  const manifestPath = join(folder, 'manifest.json');
  if (!existsSync(manifestPath)) {
    if (options.download === false) {
      throw new CorpusMissing(
        `Corpus ${corpus} is not on this machine. To bring it here: isoloss data prepare "${corpus}" --vocab N`,
      );
    }
    const listed = await listShards(
      corpus,
      dataset,
      config,
      shards === undefined ? Infinity : Number(shards),
    );
    makeDirectory(folder);
    for (const [index, { name, url }] of listed.entries()) {
      options.onProgress?.({ phase: 'downloading', done: index, total: listed.length });
      await downloadFile(url, join(folder, name), hints(corpus));
    }
    writeFileSync(
      `${manifestPath}.tmp`,
      JSON.stringify({ files: listed.map(({ name, split }) => ({ name, split })) }),
    );
    renameSync(`${manifestPath}.tmp`, manifestPath);
  }
  const manifest = manifestSchema.parse(JSON.parse(readFileSync(manifestPath, 'utf8')));
  return {
    id: corpus,
    name: config === undefined ? dataset : `${dataset}, ${config}`,
    licence: null,
    origin: `Hugging Face dataset ${dataset}${config === undefined ? '' : `, configuration ${config}`}`,
    files: manifest.files.map(({ name, split }): SourceFile => ({
      path: join(folder, name),
      name,
      split,
      ...(field === undefined ? {} : { field }),
    })),
  };
}

/** Shards of the server's Parquet form where that has all of the data, otherwise the files of the dataset's author. */
async function listShards(
  corpus: string,
  dataset: string,
  config: string | undefined,
  most: number,
): Promise<ListedShard[]> {
  const said = hints(corpus);
  const splits = await parquetShards(corpus, dataset, config, said);
  const found = splits ?? (await repositoryShards(endpoint(), dataset, config, said));
  const known = Object.entries(found).flatMap(([name, shards]) => {
    const split = SPLIT_OF[name];
    return split === undefined ? [] : [{ split, shards: split === 'train' ? shards.slice(0, most) : shards }];
  });
  if (!known.some(({ split }) => split === 'train')) {
    const names = Object.keys(found);
    throw new CorpusError(
      `Corpus ${corpus}: it has no training data, but ${names.length === 0 ? 'no Parquet or JSON Lines files at all' : names.join(', ')}.`,
    );
  }
  const complete = SPLIT_NAMES.every((split) => known.some((one) => one.split === split));
  return known
    .filter(({ split }) => complete || split === 'train')
    .flatMap(({ split, shards }) =>
      shards.map(({ url, extension }, index) => ({
        name: `${split}-${String(index).padStart(5, '0')}.${extension}`,
        url,
        split: complete ? split : null,
      })),
    );
}

interface ListedShard {
  readonly name: string;
  readonly url: string;
  readonly split: SplitName | null;
}

/**
 * The server's own Parquet form of a dataset.
 *
 * @returns null where there is none, or it holds a part only (of more than 5 GB the first: `partial-train`)
 * @throws CorpusError where the configuration has to be named
 */
async function parquetShards(
  corpus: string,
  dataset: string,
  config: string | undefined,
  said: DownloadHints,
): Promise<ShardsBySplit | null> {
  const { response } = await fetchChecked(`${endpoint()}/api/datasets/${dataset}/parquet`, {}, said, [404]);
  if (!response.ok) return null;
  const parsed = listingSchema.safeParse(await response.json());
  if (!parsed.success)
    throw new CorpusError(`Corpus ${corpus}: the server's list of shards is not understood.`);
  const configs = Object.keys(parsed.data);
  const chosen = config ?? (configs.length === 1 ? configs[0] : configs.find((name) => name === 'default'));
  const splits = chosen === undefined ? undefined : parsed.data[chosen];
  if (splits === undefined && configs.length > 0) {
    throw new CorpusError(
      `Corpus ${corpus}: name one of the dataset's configurations: ${configs.map((name) => `hf:${dataset}/${name}`).join(', ')}.`,
    );
  }
  if (splits === undefined || Object.keys(splits).some((name) => name.startsWith('partial-'))) return null;
  return Object.fromEntries(
    Object.entries(splits).map(([name, urls]) => [
      name,
      urls.map((url) => ({ url: new URL(url, `${endpoint()}/`).href, extension: 'parquet' })),
    ]),
  );
}

function hints(corpus: string): DownloadHints {
  return {
    what: `Corpus ${corpus}`,
    origin: new URL(endpoint()).origin,
    offline:
      'Without a network, bring its Parquet or JSON Lines files here in another way and name them: corpus: path/*.parquet, ' +
      'or isoloss data add NAME DIR.',
  };
}
