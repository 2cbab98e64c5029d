/**
 * The files of a Hugging Face dataset as its author has put them there, for datasets that the server has no whole Parquet
 * form of: it makes one of the first 5 GB alone, and C4, say, is larger.
 */
import { z } from 'zod';
import { type DownloadHints, fetchChecked } from './download.js';

/** Where a split's shards are, in their order, under the names that the dataset gives its splits. */
export type ShardsBySplit = Readonly<
  Record<string, readonly { readonly url: string; readonly extension: string }[]>
>;

const datasetSchema = z.object({ sha: z.string() });
const treeSchema = z.array(z.object({ type: z.string(), path: z.string() }));

/** By preference, where a dataset has the same text in several forms. JSON Lines are often named `.json`. */
const FORMS = [
  { pattern: /\.parquet$/, extension: 'parquet' },
  { pattern: /\.(jsonl|ndjson|json)\.gz$/, extension: 'jsonl.gz' },
  { pattern: /\.(jsonl|ndjson|json)$/, extension: 'jsonl' },
] as const;
const SPLIT_IN_NAME = /(?:^|[^a-z])(train|validation|valid|val|dev|test)(?![a-z])/;

/**
 * Lists the shards in a dataset's repository: those in the folder of the configuration, or in all folders where none is
 * named. A file's split is told by its name or its folder's; where no file's is, all are training data.
 *
 * @param endpoint the server
 * @throws CorpusError where there is no such dataset or folder, or no network
 */
export async function repositoryShards(
  endpoint: string,
  dataset: string,
  config: string | undefined,
  hints: DownloadHints,
): Promise<ShardsBySplit> {
  const { response } = await fetchChecked(`${endpoint}/api/datasets/${dataset}`, {}, hints);
  // Of one commit, so that what is downloaded fits together.
  const { sha } = datasetSchema.parse(await response.json());
  const paths = await filesOf(endpoint, dataset, sha, config, hints);
  const form = FORMS.find(({ pattern }) => paths.some((path) => pattern.test(path)));
  if (form === undefined) return {};
  const shards = paths
    .filter((path) => form.pattern.test(path))
    .sort()
    .map((path) => ({
      split: SPLIT_IN_NAME.exec(path.slice(path.lastIndexOf('/') + 1))?.[1] ?? SPLIT_IN_NAME.exec(path)?.[1],
      url: `${endpoint}/datasets/${dataset}/resolve/${sha}/${path.split('/').map(encodeURIComponent).join('/')}`,
      extension: form.extension,
    }));
  const isNamed = shards.some(({ split }) => split !== undefined);
  const splits: Record<string, { url: string; extension: string }[]> = {};
  for (const { split = isNamed ? undefined : 'train', url, extension } of shards)
    if (split !== undefined) (splits[split] ??= []).push({ url, extension });
  return splits;
}

/** Paths of all files, page by page. */
async function filesOf(
  endpoint: string,
  dataset: string,
  sha: string,
  config: string | undefined,
  hints: DownloadHints,
): Promise<string[]> {
  const folder = config === undefined ? '' : `/${config}`;
  const paths: string[] = [];
  let next: string | undefined = `${endpoint}/api/datasets/${dataset}/tree/${sha}${folder}?recursive=true`;
  while (next !== undefined) {
    const { response } = await fetchChecked(next, {}, hints);
    const entries = treeSchema.parse(await response.json());
    paths.push(...entries.filter(({ type }) => type === 'file').map(({ path }) => path));
    next = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
  }
  return paths;
}
