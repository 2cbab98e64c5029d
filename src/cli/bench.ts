/** `isoloss bench`: training speed on this machine. */
import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { DEFAULT_ENGINE, PRECISIONS, type EngineName, type Precision } from '../engine/engineNames.js';
import type { BenchCase, BenchResult } from '../train/bench.js';
import type { MemoryRequest, MemoryResult } from '../train/measureMemory.js';
import { noCacheOption } from './cacheOption.js';
import { engineOption } from './engineOption.js';

interface BenchFlags {
  readonly arch?: string[];
  readonly d?: string;
  readonly layers?: string;
  readonly batch?: string;
  readonly length: string;
  readonly vocab: string;
  readonly threads: string;
  readonly engine?: EngineName;
  readonly precision: Precision;
  readonly memory?: true;
  readonly json?: boolean;
}

const STEPS_PER_CALL = 8;
/** From the second step on there is a state within the call; more steps take no more memory. */
const MEMORY_STEPS_PER_CALL = 3;

const DEFAULT_ARCHITECTURES = ['transformer', 'transformer++', 'primer-ez', 'primer', 't5', 't5++'];

/** Batch 8 at the sizes that are best for small studies on a CPU, batch 16 where speed is compared with other tools. */
const DEFAULT_SHAPES = [
  { dModel: 32, nLayers: 2, batchSize: 8 },
  { dModel: 64, nLayers: 2, batchSize: 8 },
  { dModel: 64, nLayers: 2, batchSize: 16 },
  { dModel: 128, nLayers: 4, batchSize: 16 },
  { dModel: 256, nLayers: 6, batchSize: 16 },
];

export function addBenchCommand(program: Command): void {
  program
    .command('bench')
    .description(
      'measure training speed: tokens/s, GFLOP/s and the share of this machine’s raw f32 matrix rate',
    )
    .option('--arch <names...>', 'architectures, all six of the quick studies by default')
    .option('--d <dModel>', 'width; with --layers one size instead of the default list')
    .option('--layers <nLayers>', 'depth')
    .option('--batch <sequences>', 'sequences a step, with --d and --layers (16)')
    .option('--length <tokens>', 'context length', '128')
    .option('--vocab <tokens>', 'vocabulary size', '1024')
    .option('--threads <n>', 'threads inside one operation', String(availableParallelism()))
    .addOption(engineOption())
    .addOption(noCacheOption())
    .addOption(new Option('--precision <type>', 'of the matrix products').choices(PRECISIONS).default('f32'))
    .option('--memory', 'measure memory instead: a process a case, beside what the graph predicts')
    .option('--json', 'print one JSON object a case, or one object where only one case is asked for')
    .addHelpText(
      'after',
      '\nExamples:\n  $ isoloss bench\n  $ isoloss bench --arch primer-ez --d 128 --layers 4 --json' +
        '\n  $ isoloss bench --memory --arch llama --d 256 --layers 6' +
        '\n  $ isoloss bench --engine tfjs:tensorflow --arch transformer --d 64 --layers 2',
    )
    .action(async (flags: BenchFlags) => {
      const { benchTraining } = await import('../train/bench.js');
      const { knownArchitecture, sizeFlag, threadsFlag } = await import('./flags.js');
      const common = {
        contextLength: sizeFlag('--length', flags.length),
        vocabSize: sizeFlag('--vocab', flags.vocab),
      };
      const one = flags.d !== undefined || flags.layers !== undefined;
      if (flags.batch !== undefined && !one) {
        const { UsageError } = await import('../store/errors.js');
        throw new UsageError('--batch goes with --d and --layers; without them every size has its own.');
      }
      const shapes = one
        ? [
            {
              dModel: sizeFlag('--d', flags.d ?? '64'),
              nLayers: sizeFlag('--layers', flags.layers ?? '2'),
              batchSize: sizeFlag('--batch', flags.batch ?? '16'),
            },
          ]
        : DEFAULT_SHAPES;
      const threads = threadsFlag(flags.threads);
      const { defaultModelCache } = await import('../store/modelCache.js');
      const cache = defaultModelCache();
      const names = (flags.arch ?? DEFAULT_ARCHITECTURES).map(knownArchitecture);
      const cases = shapes.flatMap((shape) =>
        names.map((name): BenchCase => ({ ...name, ...shape, ...common })),
      );
      const { requireBenchable } = await import('../sweeps/benchable.js');
      for (const benchCase of cases) requireBenchable(benchCase);
      const engine = flags.engine ?? DEFAULT_ENGINE;
      if (flags.memory === true) {
        const { precision } = flags;
        await benchMemory(
          cases,
          { engine, threads, precision, stepsPerCall: MEMORY_STEPS_PER_CALL },
          flags.json === true,
        );
        return;
      }
      if (flags.json !== true) process.stdout.write(`${HEADER}\n`);
      for (const benchCase of cases) {
        const result = await benchTraining(benchCase, {
          engine,
          precision: flags.precision,
          threads,
          stepsPerCall: STEPS_PER_CALL,
          cache,
          roundMs: 700,
          rounds: 3,
        });
        process.stdout.write(flags.json === true ? `${JSON.stringify(result)}\n` : `${line(result)}\n`);
      }
    });
}

const MEMORY_HEADER =
  'architecture      d layers batch    loaded      peak    growth predicted  ratio  (MiB)    state      live';

async function benchMemory(
  cases: readonly BenchCase[],
  how: Omit<MemoryRequest, 'benchCase'>,
  json: boolean,
): Promise<void> {
  const { measureMemory } = await import('../train/measureMemory.js');
  if (!json) process.stdout.write(`${MEMORY_HEADER}\n`);
  for (const benchCase of cases) {
    const result = await measureMemory({ ...how, benchCase });
    process.stdout.write(`${json ? JSON.stringify(result) : memoryLine(result)}\n`);
  }
}

function memoryLine(result: MemoryResult): string {
  const { preset, dModel, nLayers, batchSize } = result.benchCase;
  const { predictedGrowthBytes: predicted, measuredGrowthBytes: measured } = result;
  const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0).padStart(10);
  return [
    preset.padEnd(14),
    String(dModel).padStart(5),
    String(nLayers).padStart(7),
    String(batchSize).padStart(6),
    ...[result.loadedBytes, result.peakBytes, measured, predicted].map(mebibytes),
    (predicted / measured).toFixed(2).padStart(7),
    ' '.repeat(7),
    ...[result.stateBytes, result.liveBytes].map(mebibytes),
  ].join('');
}

const HEADER =
  'architecture      d layers batch     tokens/s   GFLOP/s       raw  share  compile  (best of 3 rounds)';

const line = (result: BenchResult): string =>
  [
    result.preset.padEnd(14),
    String(result.dModel).padStart(4),
    String(result.nLayers).padStart(6),
    String(result.batchSize).padStart(5),
    result.tokensPerSecond.toFixed(0).padStart(12),
    result.gflopsPerSecond.toFixed(1).padStart(9),
    result.rawGflopsPerSecond.toFixed(1).padStart(9),
    result.rawShare.toFixed(3).padStart(6),
    `${result.compileSeconds.toFixed(2)} s`.padStart(8),
  ].join(' ');
