/** Run as a process of its own by `bounded.test.ts`: prepares a corpus, saving all the time, and stops to be killed. */
import { writeSync } from 'node:fs';
import { prepareCorpus } from '../../src/data/corpus.js';

const [baseDir, corpus, cacheDir, stage] = process.argv.slice(2);
let steps = 0;
await prepareCorpus({
  corpus: corpus!,
  baseDir,
  cacheDir,
  vocabSize: 600,
  saveSeconds: 0,
  onProgress: ({ phase }) => {
    if (phase !== stage) return;
    steps += 1;
    // While reading, some files are read and saved; the first piece encoded is saved as well.
    if (steps < (stage === 'reading' ? 5 : 1)) return;
    writeSync(1, `${phase}\n`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
});
