/** `isoloss data`: corpora made known by a name, those there are, and what is in one. */
import type { Command } from 'commander';

interface DataFlags {
  readonly json?: true;
}

export function addDataCommand(program: Command): void {
  const data = program
    .command('data')
    .description('corpora: make one known by a name, list them, look into one');
  data
    .command('add')
    .description('make a folder, file or pattern of texts known by a name, with its SHA-256')
    .argument('<name>', 'what sweeps call it')
    .argument(
      '<path>',
      'folder with train*.txt, val.txt and test.txt, or files: .txt, .jsonl, .parquet, also gzip',
    )
    .option('--replace', 'give the name to these texts where it stands for others')
    .option('--json', 'print the entry as JSON')
    .addHelpText('after', '\nExample:\n  isoloss data add novels ./texts/novels')
    .action(async (name: string, path: string, flags: DataFlags & { readonly replace?: boolean }) => {
      const { addCorpus } = await import('../data/manage.js');
      const entry = addCorpus(name, path, { replace: flags.replace === true });
      console.log(
        flags.json === true
          ? JSON.stringify(entry, null, 2)
          : `${name}: ${entry.path}, SHA-256 ${entry.sha256}`,
      );
    });
  data
    .command('list')
    .description(
      'the corpora known by a name, the datasets downloaded and the corpora prepared on this machine',
    )
    .option('--json', 'print the list as JSON')
    .action(async (flags: DataFlags) => {
      const { listCorpora } = await import('../data/manage.js');
      const { renderTable } = await import('../store/tableText.js');
      const corpora = listCorpora();
      const rows = corpora.map(({ name, path, state, bytes }) => [name, path, state, bytes]);
      if (flags.json === true) console.log(JSON.stringify(corpora, null, 2));
      else
        process.stdout.write(renderTable({ columns: ['corpus', 'from', 'state', 'bytes'], rows }, 'table'));
    });
  data
    .command('prepare')
    .description('download a corpus where needed, and tokenise it, so that sweeps find it ready')
    .argument('<corpus>', 'as a sweep names it')
    .option('--vocab <n>', 'tokens in the vocabulary', '1024')
    .option('--json', 'print what came of it as JSON')
    .addHelpText(
      'after',
      `
Needs room in the cache folder ($ISOLOSS_CACHE) for the unpacked text while it works, and for the tokens. What was
killed is gone on with by the same command.

Examples:
  isoloss data prepare "texts/*.jsonl" --vocab 4096
  isoloss data prepare "hf:allenai/c4/en?shards=8#text" --vocab 32128`,
    )
    .action(async (corpus: string, flags: DataFlags & { readonly vocab: string }) => {
      await describeCorpus(corpus, flags);
    });
  data
    .command('stats')
    .description(
      'documents, bytes and tokens of a corpus at a vocabulary size; prepares it where it is not ready',
    )
    .argument('<corpus>', 'as a sweep names it')
    .option('--vocab <n>', 'tokens in the vocabulary', '1024')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  isoloss data stats sotu\n  isoloss data stats "texts/*.jsonl" --vocab 4096',
    )
    .action(async (corpus: string, flags: DataFlags & { readonly vocab: string }) => {
      await describeCorpus(corpus, flags);
    });
}

/** Prepares a corpus where it is not ready, and says what is in it. */
async function describeCorpus(corpus: string, flags: DataFlags & { readonly vocab: string }): Promise<void> {
  const { corpusDescription, prepareCorpus } = await import('../data/corpus.js');
  const { sizeFlag } = await import('./flags.js');
  const { corpusProgress } = await import('./sweepFlags.js');
  const prepared = await prepareCorpus({
    corpus,
    vocabSize: sizeFlag('--vocab', flags.vocab),
    onProgress: corpusProgress(),
    onWarning: (message) => process.stderr.write(`${message}\n`),
  });
  const description = corpusDescription(prepared);
  if (flags.json === true) {
    console.log(JSON.stringify(description, null, 2));
    return;
  }
  const { renderTable } = await import('../store/tableText.js');
  const rows = Object.entries(description.splits).map(([split, one]) => [
    split,
    one.documents,
    one.utf8Bytes,
    one.tokens,
    Number(one.bytesPerToken.toFixed(3)),
    one.sha256.slice(0, 16),
  ]);
  const columns = ['split', 'documents', 'bytes', 'tokens', 'bytesPerToken', 'sha256'];
  console.log(`${description.name} (${description.origin}), vocabulary ${description.vocabSize}`);
  process.stdout.write(renderTable({ columns, rows }, 'table'));
}
