/** The system's C compiler: finds it, and makes a C file into a library that Node loads. */
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, constants, cpus, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EngineError } from '../engineError.js';
import { headerPaths, type StepSource } from './source.js';

const run = promisify(execFile);

export interface Compiler {
  readonly command: string;
  /** What of `$CC` stands after the command: `gcc` of `ccache gcc`. */
  readonly options: readonly string[];
  /** What it calls itself. */
  readonly version: string;
}

const found = new Map<string, Compiler>();

/**
 * A C compiler, with options if it needs some.
 * @throws EngineError where there is none
 */
export function findCompiler(line: string = process.env['CC']?.trim() ?? ''): Compiler {
  const known = found.get(line);
  if (known !== undefined) return known;
  const [command = 'cc', ...options] = line.split(/\s+/).filter((word) => word !== '');
  try {
    const said = execFileSync(command, [...options, '--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const compiler = { command, options, version: said.split('\n')[0]!.trim() };
    found.set(line, compiler);
    return compiler;
  } catch (error) {
    throw new EngineError(
      `The engine native:cpu needs a C compiler, and \`${line || command}\` can't be run: install gcc or clang (Debian: build-essential; ` +
        'macOS: xcode-select --install), or name one in CC; or choose --engine onnx:cpu.',
      { cause: error },
    );
  }
}

/** Flags of the processor's own instructions; results may differ in their last bits from one processor to another. */
const machineFlags = (): string[] =>
  arch() === 'arm64' ? ['-mcpu=native'] : ['-march=native', '-mprefer-vector-width=512'];

const FLAGS = [
  '-O3',
  '-std=gnu11',
  '-fPIC',
  '-fvisibility=hidden',
  '-fopenmp-simd',
  // Functions set no errno and no one looks at floating-point flags: loops over them can be vectorised. NaN stays NaN.
  '-fno-math-errno',
  '-fno-trapping-math',
  '-pthread',
];

/** What of the machine decides the library besides its source. */
export function machineKey(compiler: Compiler): string {
  const flags =
    platform() === 'linux' ? (/^flags.*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[0] ?? '') : '';
  const parts = [compiler.version, FLAGS, machineFlags(), platform(), arch(), cpus()[0]?.model ?? '', flags];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** Runs a compiler in a folder. @throws EngineError with what it said */
async function compile(compiler: Compiler, folder: string, options: readonly string[]): Promise<void> {
  try {
    await run(compiler.command, [...compiler.options, ...options], { cwd: folder, maxBuffer: 1 << 26 });
  } catch (error) {
    const lines = ((error as { stderr?: string }).stderr ?? '').trim().split('\n');
    const said = lines[0] === '' ? String(error) : lines.slice(0, 5).join('\n');
    throw new EngineError(
      `The C compiler \`${compiler.command}\` (${compiler.version}) could not make the library of the engine native:cpu: ${said}`,
      { cause: error },
    );
  }
}

async function inTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = temporaryFolder();
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const products = new Map<Compiler, Promise<Uint8Array>>();

/** The object file of matrix products, which takes as long as all else of a small step and is the same for all. */
async function productObject(compiler: Compiler): Promise<Uint8Array> {
  const known =
    products.get(compiler) ??
    inTemporaryFolder(async (folder) => {
      const path = headerPaths().find((header) => header.endsWith('product.h'))!;
      writeFileSync(join(folder, 'product.c'), `#define PRODUCT_SHARED\n#include "${path}"\n`);
      await compile(compiler, folder, [...FLAGS, ...machineFlags(), '-c', 'product.c', '-o', 'product.o']);
      return readFileSync(join(folder, 'product.o'));
    });
  products.set(compiler, known);
  known.catch(() => products.delete(compiler));
  return known;
}

/** The library that a source becomes. @throws EngineError with what the compiler said */
export async function compileLibrary(
  { text: plainText, constants: data }: StepSource,
  compiler: Compiler,
): Promise<Uint8Array> {
  const text = process.env['NPROF'] ? prof(plainText) : plainText;
  if (process.env['DUMP']) writeFileSync(process.env['DUMP'], text);
  return inTemporaryFolder(async (folder) => {
    writeFileSync(join(folder, 'step.c'), text);
    writeFileSync(join(folder, 'constants.bin'), data);
    const options = [...FLAGS, ...machineFlags(), '-DPRODUCT_APART', '-c', 'step.c', '-o', 'step.o'];
    // Both at the same time.
    const [product] = await Promise.all([
      /\bproduct\(/.test(text) ? productObject(compiler) : null,
      compile(compiler, folder, options),
    ]);
    if (product !== null) writeFileSync(join(folder, 'product.o'), product);
    const linking = platform() === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
    const objects = product === null ? ['step.o'] : ['step.o', 'product.o'];
    await compile(compiler, folder, [
      '-shared',
      '-pthread',
      ...linking,
      ...objects,
      '-o',
      'step.node',
      '-lm',
    ]);
    return readFileSync(join(folder, 'step.node'));
  });
}

/** @throws EngineError where there can't be one */
function temporaryFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'isoloss-native-'));
  } catch (error) {
    throw new EngineError(
      `The engine native:cpu can't write to ${tmpdir()} (${String(error)}): name another folder in TMPDIR.`,
      { cause: error },
    );
  }
}

/** What a library offers (addon.h). */
export interface Library {
  open(constants: Uint8Array, threads: number): object;
  write(handle: object, offsetBytes: number, values: ArrayBufferView): void;
  read(handle: object, offsetBytes: number, values: ArrayBufferView): void;
  run(
    handle: object,
    steps: number,
    perStep: readonly ArrayBufferView[],
    results: readonly ArrayBufferView[],
  ): void;
  close(handle: object): void;
}

/**
 * Loads a library; its file is gone afterwards, since the process keeps what it has loaded.
 * @throws EngineError where the system doesn't load it
 */
export function loadLibrary(bytes: Uint8Array): Library {
  const folder = temporaryFolder();
  const path = join(folder, 'step.node');
  try {
    writeFileSync(path, bytes, { mode: 0o700 });
    const module = { exports: {} };
    process.dlopen(module, path, constants.dlopen.RTLD_NOW);
    return module.exports as Library;
  } catch (error) {
    throw new EngineError(
      `A library of the engine native:cpu can't be loaded (${error instanceof Error ? error.message : String(error)}). ` +
        `Where files in ${tmpdir()} must not be executed, name another folder in TMPDIR.`,
      { cause: error },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function prof(text: string): string {
  const names: string[] = [];
  const at = text.indexOf('static void step(');
  const body = text
    .slice(at)
    .replace(/^\/\* (.*) \*\/$/gm, (_, name: string) => {
      names.push(name);
      return `if (thread == 0) { unsigned long now = __builtin_ia32_rdtsc(); prof_t[prof_i] += now - prof_last; prof_last = now; prof_i = ${names.length}; }`;
    })
    .replace(
      /\}\n$/,
      `if (thread == 0) { unsigned long now = __builtin_ia32_rdtsc(); prof_t[prof_i] += now - prof_last; prof_last = now; prof_i = 0; prof_n++; } }\n`,
    );
  const head = `#include <stdio.h>\nstatic unsigned long prof_t[${names.length + 1}], prof_last; static int prof_i, prof_n; static const char *prof_names[] = {"between", ${names.map((n) => JSON.stringify(n.slice(0, 150))).join(', ')}};
__attribute__((destructor)) static void prof_out(void) { prof_t[0] = 0; double tot = 0; for (int i = 0; i <= ${names.length}; i++) tot += prof_t[i]; for (int i = 1; i <= ${names.length}; i++) fprintf(stderr, "P %6.1f us %5.1f%% %s\\n", prof_t[i] / (double)prof_n / 2596.1, 100 * prof_t[i] / tot, prof_names[i]); fprintf(stderr, "P total %.1f us\\n", tot / prof_n / 2596.1); }
`;
  return text.slice(0, at) + head + body;
}
