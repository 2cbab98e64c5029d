/** The published study: its report is what the committed runs give, byte for byte, on the Node version that it was rendered with. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IS_BUILT, PROGRAM } from './sweeps/program.js';

const PUBLISHED = join('reports', 'reference');
/** Major version of Node with which the report was rendered: others may round the last digit of a function otherwise. */
const NODE = 'v20.';

const folder = mkdtempSync(join(tmpdir(), 'isoloss-reference-'));
const rendered = join(folder, 'report');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const filesOf = (root: string): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();

// The page carries scripts as they are built, so it is the built program that has to render it.
describe.skipIf(!IS_BUILT || !process.version.startsWith(NODE))('isoloss report reference', () => {
  beforeAll(() => {
    const results = join(folder, 'results');
    cpSync(join('results', 'reference'), join(results, 'reference'), { recursive: true });
    execFileSync(process.execPath, [PROGRAM, 'report', 'reference', '--results', results, '--out', rendered]);
  }, 120_000);

  it('renders the same files as were published', () => {
    expect(filesOf(rendered)).toEqual(filesOf(PUBLISHED));
  });

  it('renders HTML, Markdown, SVG and tables byte for byte', () => {
    for (const file of filesOf(rendered).filter((name) => /\.(html|md|svg|csv)$/.test(name))) {
      expect(readFileSync(join(rendered, file)).equals(readFileSync(join(PUBLISHED, file))), file).toBe(true);
    }
  });
});
