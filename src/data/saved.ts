/** What is done of a preparation, kept on disk so that a process that takes it over need not begin anew. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { SPLIT_NAMES } from './sources.js';

const PROGRESS_FILE = 'progress.json';
const progressSchema = z.object({
  /** Files read, and what they came to. */
  files: z.number().int(),
  documents: z.number().int(),
  textBytes: z.number().int(),
  /** Texts encoded, by split, and their tokens. */
  encoded: z.record(z.enum(SPLIT_NAMES), z.object({ texts: z.number().int(), tokens: z.number().int() })),
});
type Progress = z.infer<typeof progressSchema>;

const NOTHING: Progress = {
  files: 0,
  documents: 0,
  textBytes: 0,
  encoded: {
    train: { texts: 0, tokens: 0 },
    val: { texts: 0, tokens: 0 },
    test: { texts: 0, tokens: 0 },
  },
};

/** What a killed process had finished. */
export class SavedState {
  readonly path: string;
  progress: Progress;
  private readonly saveSeconds: number;
  private savedAt = performance.now();

  constructor(folder: string, saveSeconds: number) {
    this.path = join(folder, PROGRESS_FILE);
    this.saveSeconds = saveSeconds;
    this.progress = readProgress(this.path);
  }

  isDue(): boolean {
    return performance.now() - this.savedAt >= this.saveSeconds * 1000;
  }

  /** Notes what is done and on disk; the next {@link save} keeps it. */
  note(change: Partial<Progress>): void {
    this.progress = { ...this.progress, ...change };
  }

  save(change: Partial<Progress>): void {
    this.note(change);
    writeDurably(this.path, JSON.stringify(this.progress));
    this.savedAt = performance.now();
  }
}

function readProgress(path: string): Progress {
  try {
    return progressSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Nothing there, or nothing of use: everything is done anew.
    return NOTHING;
  }
}

/** Writes a small file as a whole: whoever reads it finds the old or the new one, after a power cut too. */
export function writeDurably(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { flush: true });
  renameSync(`${path}.new`, path);
}
