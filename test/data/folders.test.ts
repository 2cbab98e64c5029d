import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeDirectory } from '../../src/data/folders.js';
import { useTemporaryFolders } from '../store/fixtures.js';

const makeFolder = useTemporaryFolders();
const SOURCE = join(import.meta.dirname, '../../src/data/folders.ts');

describe('makeDirectory', () => {
  it('makes a folder with those above it, and leaves one that is there', () => {
    const folder = join(makeFolder(), 'a', 'b', 'c');
    makeDirectory(folder);
    writeFileSync(join(folder, 'x.txt'), '');
    makeDirectory(folder);
    expect(statSync(folder).isDirectory()).toBe(true);
    expect(readdirSync(folder)).toEqual(['x.txt']);
  });

  it('says what is in the way', () => {
    const folder = makeFolder();
    writeFileSync(join(folder, 'file'), '');
    symlinkSync(join(folder, 'nowhere'), join(folder, 'link'));
    const making = (name: string) => () => {
      makeDirectory(join(folder, name));
    };
    expect(making('file')).toThrow(/file can't be made: something that is no folder has this name/);
    expect(making('file/below')).toThrow(/file can't be made: something that is no folder has this name/);
    expect(making('link')).toThrow(/link can't be made: something that is no folder has this name/);
    expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  });

  // In a process of its own, which can be ended: where this fails it is by never coming back.
  it.skipIf(process.platform !== 'linux')('comes back where no folder can be made', () => {
    const script = `import { createJiti } from 'jiti';
      const { makeDirectory } = await createJiti(process.cwd()).import(${JSON.stringify(SOURCE)});
      makeDirectory('/proc/x/y');`;
    const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(signal).toBeNull();
    expect(stderr).toMatch(/The folder \/proc\/x can't be made: \/proc takes no new folders \(ENOENT/);
  });
});
