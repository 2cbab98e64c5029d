/** The system's C compiler: finds it, and makes a C file into a library that Node loads. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { arch, constants, cpus, platform, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { EngineError } from '../engineError.js';
import { headerPaths, type StepSource } from './source.js';

export interface Compiler {
  /** The program and what it is always given. */
  readonly command: readonly [string, ...string[]];
  /** What it calls itself, and options that CC adds. */
  readonly version: string;
}

/** What is tried where CC names nothing. */
const USUAL_COMPILERS = ['cc', 'gcc', 'clang'];

const found = new Map<string, Compiler>();

/**
 * A C compiler, with options if it needs some: that of `$CC`, or else the system's.
 * @throws EngineError where there is none
 */
export function findCompiler(line: string = process.env['CC']?.trim() ?? ''): Compiler {
  const known = found.get(line);
  if (known !== undefined) return known;
  if (platform() === 'win32')
    throw new EngineError(
      'The engine native:cpu is there on Linux and macOS, not on Windows: choose --engine onnx:cpu.',
    );
  const lines = line === '' ? USUAL_COMPILERS : [line];
  let failure: unknown;
  for (const each of lines) {
    try {
      const compiler = askCompiler(commandOf(each));
      found.set(line, compiler);
      return compiler;
    } catch (error) {
      failure ??= error;
    }
  }
  throw new EngineError(
    `The engine native:cpu needs a C compiler, and \`${lines[0]!}\` can't be run: install gcc or clang (Debian: build-essential; ` +
      `macOS: xcode-select --install), or name one in CC; or choose --engine onnx:cpu. (${reasonOf(failure)})`,
    { cause: failure },
  );
}

function commandOf(text: string): [string, ...string[]] {
  // A path may have spaces in it; what is compiled is compiled in another folder.
  if (text.includes('/') && existsSync(text)) return [resolve(text)];
  const [program, ...options] = text.split(/\s+/) as [string, ...string[]];
  return [program.includes('/') ? resolve(program) : program, ...options];
}

function askCompiler(command: readonly [string, ...string[]]): Compiler {
  const [program, ...options] = command;
  const said = execFileSync(program, [...options, '--version'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  // gcc begins with the name that it was called by, be it cc or gcc-12.
  const name = said
    .trim()
    .split('\n')[0]!
    .trim()
    .replace(/^\S+(?= \()/, 'gcc');
  if (name === '') throw new Error('It does not say its version.');
  return { command, version: [name, ...options.filter((option) => option.startsWith('-'))].join(' ') };
}

function reasonOf(error: unknown): string {
  const { code, status } = error as { code?: string; status?: number | null };
  if (code === 'ENOENT') return 'There is no such program.';
  if (code === 'EACCES') return 'It may not be executed.';
  return typeof status === 'number'
    ? `With --version it ended with status ${status}.`
    : (error as Error).message;
}

// Vectorised as far as -O3 goes and no further: the same speed, compiled in two thirds of the time.
const NEEDED_FLAGS = ['-O2', '-std=gnu11', '-fPIC', '-pthread', '-fvisibility=hidden', '-w'];

/** What not every compiler and not every processor has; each is left out where the compiler refuses it. */
const WISHED_FLAGS = [
  '-fopenmp-simd',
  '-ftree-vectorize',
  '-fvect-cost-model=dynamic',
  // Functions set no errno and no one looks at floating-point flags: loops over them can be vectorised. NaN stays NaN.
  '-fno-math-errno',
  '-fno-trapping-math',
  // The processor's own instructions; results may differ in their last bits from one processor to another.
  ...(arch() === 'x64' ? ['-march=native', '-mprefer-vector-width=512'] : ['-mcpu=native']),
];

/** What of the machine decides the library besides its source. */
export function machineKey({ command, version }: Compiler): string {
  const flags =
    platform() === 'linux'
      ? (/^(flags|Features).*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[0] ?? '')
      : '';
  const model = cpus()[0]?.model ?? '';
  const parts = [command, version, NEEDED_FLAGS, WISHED_FLAGS, platform(), arch(), model, flags];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/* ---- Folders to work in ---- */

const FOLDER_PREFIX = 'isoloss-native-';

/** What a killed process left behind is removed after this time. */
const ABANDONED_MS = 3600_000;

/** A folder can't be worked in, which another one may do for. */
class PlaceError extends Error {}

const PLACE_CODES = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT'];
const PLACE_MESSAGES = /No space left on device|Disk quota exceeded|Read-only file system/;

/** Where files can be put for a while, the first that does; throws where there is none. */
export type Places = readonly (() => string)[];

export const placesOf = (cacheFolder: (() => string) | undefined): Places => [
  tmpdir,
  ...(cacheFolder === undefined ? [] : [cacheFolder]),
];

const attempt = (action: () => void): void => {
  try {
    action();
  } catch {
    // It was worth a try.
  }
};

/** Does something in a folder of its own, which is gone afterwards. @throws EngineError where none of the places will do */
async function inFolder<T>(
  places: Places,
  purpose: string,
  action: (folder: string) => T | Promise<T>,
): Promise<T> {
  const failures: string[] = [];
  for (const place of places) {
    let folder: string | null = null;
    try {
      const parent = resolve(place());
      attempt(() => removeAbandoned(parent));
      folder = mkdtempSync(join(parent, FOLDER_PREFIX));
      return await action(folder);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (!(error instanceof PlaceError) && !PLACE_CODES.includes(code ?? '')) throw error;
      failures.push(message.replace(/\.$/, ''));
    } finally {
      // On some network file systems a file that is loaded can't go yet.
      if (folder !== null) attempt(() => rmSync(folder!, { recursive: true, force: true }));
    }
  }
  throw new EngineError(
    `The engine native:cpu found no folder to ${purpose}: ${failures.join('; ')}. Name one in TMPDIR that can be written to, ` +
      'has some MB left, and is not mounted noexec.',
  );
}

/** As far as they are this user's. */
function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent).filter((each) => each.startsWith(FOLDER_PREFIX))) {
    const path = join(parent, name);
    attempt(() => {
      if (Date.now() - statSync(path).mtimeMs > ABANDONED_MS) rmSync(path, { recursive: true, force: true });
    });
  }
}

/* ---- Compiling ---- */

/**
 * Runs a command in a process group of its own: Ctrl-C goes to all of a terminal's group, and it is for isoloss to say what it
 * means. Descriptor 3 ends when this process does, however it does; then nobody waits for the command, nor for its folder.
 */
const GUARDED = `(read -r _ <&3; rm -rf "$0"; kill -KILL 0) &
guard=$!
exec 3<&-
"$@"
status=$?
kill $guard
exit $status`;

const MOST_SAID = 1 << 16;

interface Ended {
  readonly ok: boolean;
  /** Its messages, or else how it ended. */
  readonly said: string;
}

function runGuarded(folder: string, command: readonly string[]): Promise<Ended> {
  return new Promise((resolved, rejected) => {
    const child = spawn('/bin/sh', ['-c', GUARDED, folder, ...command], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      // So that the compiler's own files are here too, and its messages are those that are looked for.
      env: { ...process.env, TMPDIR: folder, LC_ALL: 'C' },
    });
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < MOST_SAID) said += text;
    });
    child.on('error', rejected);
    child.on('close', (status, signal) => {
      const how = signal === null ? `it ended with status ${status ?? 0}` : `it was ended by ${signal}`;
      resolved({ ok: status === 0, said: said.trim() === '' ? how : said.trim() });
    });
  });
}

const firstLines = (said: string): string => said.split('\n').slice(0, 5).join('\n');

/** @throws EngineError with what the compiler said; PlaceError where the folder is at fault */
function requireMade(ended: Ended, { command, version }: Compiler, folder: string, file: string): void {
  const said = ended.ok && !existsSync(join(folder, file)) ? `it made no ${file}` : firstLines(ended.said);
  if (!ended.ok && PLACE_MESSAGES.test(ended.said)) throw new PlaceError(`${folder}: ${said}`);
  if (ended.ok && existsSync(join(folder, file))) return;
  throw new EngineError(
    `The C compiler \`${command.join(' ')}\` (${version}) could not make the library of the engine native:cpu: ${said}`,
  );
}

const compileObject = (
  folder: string,
  { command }: Compiler,
  wished: readonly string[],
  name: string,
): Promise<Ended> =>
  // Compilers of C++ too take a file for C if they are told so.
  runGuarded(folder, [
    ...command,
    ...NEEDED_FLAGS,
    ...wished,
    '-x',
    'c',
    '-c',
    `${name}.c`,
    '-o',
    `${name}.o`,
  ]);

const accepted = new Map<Compiler, Promise<string[]>>();

/** Wished flags that a compiler takes, each tried on an empty file. */
function acceptedFlags(compiler: Compiler, places: Places): Promise<string[]> {
  const known =
    accepted.get(compiler) ??
    inFolder(places, 'compile in', async (folder) => {
      writeFileSync(join(folder, 'empty.c'), 'static const int nothing = 0;\n');
      const flags: string[] = [];
      for (const flag of WISHED_FLAGS)
        if ((await compileObject(folder, compiler, [flag], 'empty')).ok) flags.push(flag);
      return flags;
    });
  accepted.set(compiler, known);
  known.catch(() => accepted.delete(compiler));
  return known;
}

/** Makes NAME.o of NAME.c. */
async function compile(folder: string, compiler: Compiler, places: Places, name: string): Promise<void> {
  const flags = (await accepted.get(compiler)) ?? WISHED_FLAGS;
  let ended = await compileObject(folder, compiler, flags, name);
  if (!ended.ok && !PLACE_MESSAGES.test(ended.said) && flags.length === WISHED_FLAGS.length) {
    const fewer = await acceptedFlags(compiler, places);
    if (fewer.length < flags.length) ended = await compileObject(folder, compiler, fewer, name);
  }
  requireMade(ended, compiler, folder, `${name}.o`);
}

const products = new Map<Compiler, Promise<Uint8Array>>();

/** The object file of matrix products, which takes as long as all else of a small step and is the same for all. */
async function productObject(compiler: Compiler, places: Places): Promise<Uint8Array> {
  const known =
    products.get(compiler) ??
    inFolder(places, 'compile in', async (folder) => {
      const path = headerPaths().find((header) => header.endsWith('product.h'))!;
      writeFileSync(join(folder, 'product.c'), `#define PRODUCT_SHARED\n#include "${path}"\n`);
      await compile(folder, compiler, places, 'product');
      return readFileSync(join(folder, 'product.o'));
    });
  products.set(compiler, known);
  known.catch(() => products.delete(compiler));
  return known;
}

const LIBRARY = 'step.node';

/** The library that a source becomes. @throws EngineError with what the compiler said */
export async function compileLibrary(
  source: StepSource,
  compiler: Compiler,
  places: Places,
): Promise<Uint8Array> {
  return inFolder(places, 'compile in', async (folder) => {
    const needsProduct = /\bproduct\(/.test(source.text);
    writeFileSync(join(folder, 'step.c'), `${needsProduct ? '#define PRODUCT_APART\n' : ''}${source.text}`);
    writeFileSync(join(folder, 'constants.bin'), source.constants);
    // Both at the same time, and neither is left alone where the other fails.
    const [product, step] = await Promise.allSettled([
      needsProduct ? productObject(compiler, places) : null,
      compile(folder, compiler, places, 'step'),
    ]);
    if (product.status === 'rejected') throw product.reason;
    if (step.status === 'rejected') throw step.reason;
    if (product.value !== null) writeFileSync(join(folder, 'product.o'), product.value);
    const linking = platform() === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
    const objects = product.value === null ? ['step.o'] : ['step.o', 'product.o'];
    const { command } = compiler;
    const options = ['-shared', '-pthread', ...linking, ...objects, '-o', LIBRARY, '-lm'];
    requireMade(await runGuarded(folder, [...command, ...options]), compiler, folder, LIBRARY);
    return readFileSync(join(folder, LIBRARY));
  });
}

/* ---- Loading ---- */

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

/** Loads a library; its file is gone afterwards, since the process keeps what it has loaded. */
export async function loadLibrary(bytes: Uint8Array, places: Places = placesOf(undefined)): Promise<Library> {
  return inFolder(places, 'load a library from', (folder) => {
    const path = join(folder, LIBRARY);
    writeFileSync(path, bytes, { mode: 0o700 });
    const module = { exports: {} };
    try {
      process.dlopen(module, path, constants.dlopen.RTLD_NOW);
    } catch (error) {
      throw new PlaceError((error as Error).message, { cause: error });
    }
    return module.exports as Library;
  });
}
