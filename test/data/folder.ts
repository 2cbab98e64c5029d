/** A temporary folder for a test file's own texts. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';

export interface TestFolder {
  readonly path: string;
  /** Writes a file, folders included, and returns its path. */
  write(name: string, content: string | Uint8Array): string;
}

/** Makes a folder that is removed when the test file is done. */
export function testFolder(): TestFolder {
  const path = mkdtempSync(join(tmpdir(), 'isoloss-data-'));
  afterAll(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return {
    path,
    write(name, content) {
      const file = join(path, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      return file;
    },
  };
}
