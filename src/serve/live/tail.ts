/** Follows the metrics of a run under way: each look reads only what was appended since the last one. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { isSystemError } from '../../store/files.js';
import { trainRowSchema, type TrainRow } from '../../store/record.js';
import { metricsPath } from '../../store/runDirectory.js';

export interface Tail {
  /**
   * The training rows since the last look.
   *
   * @returns `restarted` where the file is another one, or shorter than before: the rows are all there are then
   */
  read(): { readonly rows: readonly TrainRow[]; readonly restarted: boolean };
}

const NEWLINE = 0x0a;
const NOTHING = { rows: [], restarted: false } as const;

/** Follows the metrics.jsonl of a run directory, which need not exist yet. */
export function tailMetrics(directory: string): Tail {
  const path = metricsPath(directory);
  let offset = 0;
  let file = '';
  return {
    read: () => {
      let fd: number;
      try {
        fd = openSync(path, 'r');
      } catch (error) {
        // What is there and can't be read is a problem of the index, which the pages show.
        if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP')) return NOTHING;
        throw error;
      }
      try {
        const stats = fstatSync(fd);
        if (!stats.isFile()) return NOTHING;
        const { size, ino } = stats;
        const restarted = file !== '' && (file !== String(ino) || size < offset);
        if (restarted) offset = 0;
        file = String(ino);
        const bytes = Buffer.alloc(size - offset);
        const length = readSync(fd, bytes, 0, bytes.length, offset);
        // A line that is still being written is read the next time.
        const end = bytes.lastIndexOf(NEWLINE, length - 1) + 1;
        offset += end;
        return { rows: parseRows(bytes.toString('utf8', 0, end)), restarted };
      } finally {
        closeSync(fd);
      }
    },
  };
}

/** The training rows among the lines; the index is what reports lines that are none. */
function parseRows(text: string): TrainRow[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('{"kind":"train"')) return [];
    try {
      const parsed = trainRowSchema.safeParse(JSON.parse(line));
      return parsed.success ? [parsed.data] : [];
    } catch {
      return [];
    }
  });
}
