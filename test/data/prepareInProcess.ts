/** Run as a process of its own by `corpus.test.ts`: prepares a corpus and prints the hashes of its streams. */
import { prepareCorpus } from '../../src/data/corpus.js';

const [corpus, cacheDir] = process.argv.slice(2);
const { train, val, test, directory } = await prepareCorpus({ corpus: corpus!, cacheDir, vocabSize: 300 });
process.stdout.write(JSON.stringify({ streams: [train.sha256, val.sha256, test.sha256], directory }));
