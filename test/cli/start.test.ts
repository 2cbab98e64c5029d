/** How the program starts: commands that neither train nor plan do not wait for the libraries of those that do. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IS_BUILT, PROGRAM } from '../sweeps/program.js';

/** Runs a command, and then asks its process what it has loaded: TensorFlow.js and ONNX Runtime are CommonJS. */
function loadedBy(folder: string, ...args: string[]): string {
  const script = `import Module from 'node:module';
process.on('exit', () => console.error('LOADED', Object.keys(Module._cache).join('\\n')));
await import(${JSON.stringify(pathToFileURL(PROGRAM).href)});`;
  const options = ['--input-type=module', '-e', script, '--', ...args];
  const { stderr } = spawnSync(process.execPath, options, { cwd: folder, encoding: 'utf8' });
  return stderr.slice(stderr.indexOf('LOADED'));
}

describe.skipIf(!IS_BUILT)('the program (needs `npm run build`)', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'isoloss-start-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([['--help'], ['status'], ['runs'], ['fit', 'none.csv'], ['report', 'none'], ['query', 'failed']])(
    '%s starts without TensorFlow.js and ONNX Runtime',
    (...args) => {
      const loaded = loadedBy(folder, ...args);
      expect(loaded).toContain('LOADED');
      expect(loaded).not.toMatch(/tfjs|onnxruntime/);
    },
  );

  it('loads them where it plans, so that looking for them finds them', () => {
    expect(loadedBy(folder, 'plan', 'none.yaml')).toMatch(/tfjs/);
  });
});
