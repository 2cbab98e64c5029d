/** The compiler that native:cpu needs, and the libraries that it keeps: what is said where there is none, or where it fails. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EngineError } from '../../src/engine/engineError.js';
import type { Engine, FunctionProgram, ModelCache } from '../../src/engine/executable.js';
import { loadLibrary } from '../../src/engine/native/library.js';
import { openNative } from '../../src/engine/native/native.js';
import { tf } from '../../src/ops/tf.js';
import { modelCache } from '../../src/store/modelCache.js';
import { counted } from './countedCache.js';
import { engineOrNull } from './engines.js';
import { tinyTraining } from './tinyTraining.js';

const native = await engineOrNull('native:cpu');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'isoloss-compiler-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const STEPS = 3;

/** Losses and state of some steps, bit for bit. */
async function outcome(engine: Engine, cache?: ModelCache): Promise<unknown> {
  const training = tinyTraining();
  const executable = await engine.compileStep(training.program, { threads: 1, cache });
  executable.setState(training.state);
  const metrics = await executable.run(STEPS, training.inputs(1, STEPS));
  const state = await executable.getState();
  await executable.dispose();
  return { metrics, state };
}

const triple: FunctionProgram = {
  inputs: [{ name: 'x', shape: [3], dtype: 'float32' }],
  fn: ({ x }) => ({ y: tf.mul(x!, 3) }),
};

/** A compiler that says a version, and does nothing but fail. */
function failingCompiler(message: string): string {
  const path = join(folder, 'broken-cc');
  writeFileSync(
    path,
    `#!/bin/sh\n[ "$1" = --version ] && echo "broken 1.0" && exit 0\necho "${message}" >&2\nexit 1\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

describe.skipIf(native === null)('libraries of native:cpu in a cache', () => {
  it('give the same bits as without it, and are made again where they are damaged', async () => {
    const without = await outcome(native!);
    const cache = counted(modelCache(folder));
    expect(await outcome(native!, cache)).toEqual(without);
    expect([cache.hits, cache.saves]).toEqual([0, 1]);
    expect(await outcome(native!, cache)).toEqual(without);
    expect([cache.hits, cache.saves]).toEqual([1, 1]);

    const path = join(folder, readdirSync(folder)[0]!);
    const damaged = Uint8Array.from(readFileSync(path));
    damaged[damaged.length >> 1]! ^= 1;
    writeFileSync(path, damaged);
    expect(await outcome(native!, cache)).toEqual(without);
    expect([cache.hits, cache.saves]).toEqual([1, 2]);
    expect(await outcome(native!, cache)).toEqual(without);
    expect([cache.hits, cache.saves]).toEqual([2, 2]);
  });

  it('are made again where the system does not load them', async () => {
    const saved: Uint8Array[] = [];
    const cache: ModelCache = {
      load: () => Uint8Array.of(1, 2, 3),
      save: (_, bytes) => void saved.push(bytes),
    };
    expect(await outcome(native!, cache)).toEqual(await outcome(native!));
    expect(saved).toHaveLength(1);
    await expect(loadLibrary(Uint8Array.of(1, 2, 3))).rejects.toThrow(EngineError);
    await expect(loadLibrary(Uint8Array.of(1, 2, 3))).rejects.toThrow(/TMPDIR/);
  });
});

describe('the compiler of native:cpu', () => {
  it('is asked for where there is none', () => {
    expect(() => openNative('/nonexistent/cc')).toThrow(EngineError);
    expect(() => openNative('/nonexistent/cc')).toThrow(
      /`\/nonexistent\/cc` can't be run: install gcc or clang .*CC/,
    );
  });

  it('is named with what it said where it fails', async () => {
    const command = failingCompiler('no space left');
    const engine = openNative(command);
    expect(engine.info.version).toBe('broken 1.0');
    const compiled = engine.compileFunction(triple, { threads: 1 });
    await expect(compiled).rejects.toThrow(EngineError);
    await expect(compiled).rejects.toThrow(new RegExp(`${command}.*broken 1.0.*no space left`));
  });

  it.skipIf(native === null)('may have options of its own', async () => {
    const engine = openNative(`${process.env['CC'] ?? 'cc'} -DUNUSED`);
    const compiled = await engine.compileFunction(triple, { threads: 1 });
    expect(await compiled.run({ x: Float32Array.of(1, 2, 3) })).toEqual({ y: Float32Array.of(3, 6, 9) });
    await compiled.dispose();
    await expect(compiled.run({ x: Float32Array.of(1, 2, 3) })).rejects.toThrow(/closed/);
  });

  it.skipIf(native === null)('is not asked for what the engine has not got', async () => {
    const options = { threads: 1, precision: 'bf16' } as const;
    await expect(native!.compileFunction(triple, options)).rejects.toThrow(/no bf16/);
    await expect(native!.compileFunction(triple, { threads: 1, optimise: false })).rejects.toThrow(
      /onnx:cpu/,
    );
  });
});
