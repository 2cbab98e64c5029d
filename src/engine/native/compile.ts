/** Makes the C file of a step into a library. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { join } from 'node:path';
import { EngineError } from '../engineError.js';
import type { ModelCache } from '../executable.js';
import type { Compiler } from './compiler.js';
import { runGuarded, type Ended } from './guarded.js';
import { inFolder, PLACE_MESSAGES, PlaceError, type Places } from './places.js';
import { headerPaths, headerText, type StepSource } from './source.js';

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

/** What decides the library besides the C of the step: machine, compiler and the headers that are included. */
export function machineKey({ command, version }: Compiler): string {
  const flags =
    platform() === 'linux'
      ? (/^(flags|Features).*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[0] ?? '')
      : '';
  const model = cpus()[0]?.model ?? '';
  const machine = [platform(), arch(), model, flags];
  const parts = [command, version, NEEDED_FLAGS, WISHED_FLAGS, ...machine, headerText()];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
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

interface ProductObject {
  readonly bytes: Uint8Array;
  readonly isKept: boolean;
}

const products = new Map<Compiler, Promise<ProductObject>>();

/** The object file of matrix products, which takes as long as all else of a small step and is the same for all. */
async function productObject(
  compiler: Compiler,
  places: Places,
  cache: ModelCache | undefined,
): Promise<ProductObject> {
  const known = products.get(compiler) ?? keptOrMade(compiler, places, cache);
  products.set(compiler, known);
  known.catch(() => products.delete(compiler));
  return known;
}

async function keptOrMade(
  compiler: Compiler,
  places: Places,
  cache: ModelCache | undefined,
): Promise<ProductObject> {
  const key = createHash('sha256')
    .update(`product ${machineKey(compiler)}`)
    .digest('hex');
  const kept = cache?.load(key) ?? null;
  if (kept !== null) return { bytes: kept, isKept: true };
  const bytes = await compileProduct(compiler, places);
  cache?.save(key, bytes);
  return { bytes, isKept: false };
}

const compileProduct = (compiler: Compiler, places: Places): Promise<Uint8Array> =>
  inFolder(places, 'compile in', async (folder) => {
    const path = headerPaths().find((header) => header.endsWith('product.h'))!;
    writeFileSync(join(folder, 'product.c'), `#define PRODUCT_SHARED\n#include "${path}"\n`);
    await compile(folder, compiler, places, 'product');
    return readFileSync(join(folder, 'product.o'));
  });

const LIBRARY = 'step.node';

/** Joins step.o and the products into the library. */
async function link(folder: string, { command }: Compiler, product: Uint8Array | null): Promise<Ended> {
  if (product !== null) writeFileSync(join(folder, 'product.o'), product);
  const linking = platform() === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  const objects = product === null ? ['step.o'] : ['step.o', 'product.o'];
  return runGuarded(folder, [
    ...command,
    '-shared',
    '-pthread',
    ...linking,
    ...objects,
    '-o',
    LIBRARY,
    '-lm',
  ]);
}

/**
 * The library that a source becomes.
 * @param cache where the object file of products is kept for later processes
 * @throws EngineError with what the compiler said
 */
export async function compileLibrary(
  source: StepSource,
  compiler: Compiler,
  places: Places,
  cache?: ModelCache,
): Promise<Uint8Array> {
  return inFolder(places, 'compile in', async (folder) => {
    const needsProduct = /\bproduct\(/.test(source.text);
    writeFileSync(join(folder, 'step.c'), `${needsProduct ? '#define PRODUCT_APART\n' : ''}${source.text}`);
    writeFileSync(join(folder, 'constants.bin'), source.constants);
    // Both at the same time, and neither is left alone where the other fails.
    const [product, step] = await Promise.allSettled([
      needsProduct ? productObject(compiler, places, cache) : null,
      compile(folder, compiler, places, 'step'),
    ]);
    if (product.status === 'rejected') throw product.reason;
    if (step.status === 'rejected') throw step.reason;
    let ended = await link(folder, compiler, product.value?.bytes ?? null);
    if (!ended.ok && product.value?.isKept === true) {
      products.delete(compiler);
      ended = await link(folder, compiler, await compileProduct(compiler, places));
    }
    requireMade(ended, compiler, folder, LIBRARY);
    return readFileSync(join(folder, LIBRARY));
  });
}
