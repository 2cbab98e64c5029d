/** The published studies: each report is what the committed runs give, byte for byte, on the Node version that it was rendered with. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IS_BUILT, PROGRAM } from './sweeps/program.js';

const STUDIES = [
  'reference',
  'reference-depth',
  'reference-parts',
  'reference-parts-rotary',
  'reference-sotu',
];
/** Major version of Node with which the reports were rendered: others may round the last digit of a function otherwise. */
const NODE = 'v20.';

const folder = mkdtempSync(join(tmpdir(), 'isoloss-reference-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const filesOf = (root: string): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();

// The page carries scripts as they are built, so it is the built program that has to render it.
describe.skipIf(!IS_BUILT || !process.version.startsWith(NODE)).each(STUDIES)(
  'isoloss report %s',
  (study) => {
    const published = join('reports', study);
    const rendered = join(folder, study);
    beforeAll(() => {
      const results = join(folder, 'results');
      cpSync(join('results', study), join(results, study), { recursive: true });
      execFileSync(process.execPath, [PROGRAM, 'report', study, '--results', results, '--out', rendered]);
    }, 120_000);

    it('renders the same files as were published', () => {
      expect(filesOf(rendered)).toEqual(filesOf(published));
    });

    it('renders HTML, Markdown, SVG and tables byte for byte', () => {
      for (const file of filesOf(rendered).filter((name) => /\.(html|md|svg|csv|json)$/.test(name))) {
        expect(readFileSync(join(rendered, file)).equals(readFileSync(join(published, file))), file).toBe(
          true,
        );
      }
    });
  },
);
