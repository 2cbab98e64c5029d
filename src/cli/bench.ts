/** `isoloss bench`: training speed on this machine. */
import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { DEFAULT_ENGINE, PRECISIONS, type EngineName, type Precision } from '../engine/engineNames.js';
import type { BenchCase, BenchResult } from '../train/bench.js';
import { noCacheOption } from './cacheOption.js';
import { engineOption } from './engineOption.js';

interface BenchFlags {
  readonly arch?: string[];
  readonly d?: string;
  readonly layers?: string;
  readonly batch: string;
  readonly length: string;
  readonly vocab: string;
  readonly threads: string;
  readonly engine?: EngineName;
  readonly precision: Precision;
  readonly json?: boolean;
}

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
    .option('--batch <sequences>', 'sequences a step, with --d and --layers', '16')
    .option('--length <tokens>', 'context length', '128')
    .option('--vocab <tokens>', 'vocabulary size', '1024')
    .option('--threads <n>', 'threads inside one operation', String(availableParallelism()))
    .addOption(engineOption())
    .addOption(noCacheOption())
    .addOption(new Option('--precision <type>', 'of the matrix products').choices(PRECISIONS).default('f32'))
    .option('--json', 'print one JSON object a case, or one object where only one case is asked for')
    .addHelpText(
      'after',
      '\nExamples:\n  $ isoloss bench\n  $ isoloss bench --arch primer-ez --d 128 --layers 4 --json' +
        '\n  $ isoloss bench --engine tfjs:tensorflow --arch transformer --d 64 --layers 2',
    )
    .action(async (flags: BenchFlags) => {
      const { benchTraining } = await import('../train/bench.js');
      const { wholeNumber } = await import('./flags.js');
      const { knownArchitecture } = await import('./flags.js');
      const common = {
        contextLength: wholeNumber('--length', flags.length),
        vocabSize: wholeNumber('--vocab', flags.vocab),
      };
      const one = flags.d !== undefined || flags.layers !== undefined;
      const shapes = one
        ? [
            {
              dModel: wholeNumber('--d', flags.d ?? '64'),
              nLayers: wholeNumber('--layers', flags.layers ?? '2'),
              batchSize: wholeNumber('--batch', flags.batch),
            },
          ]
        : DEFAULT_SHAPES;
      const threads = wholeNumber('--threads', flags.threads);
      const { defaultModelCache } = await import('../store/modelCache.js');
      const cache = defaultModelCache();
      const names = (flags.arch ?? DEFAULT_ARCHITECTURES).map(knownArchitecture);
      const cases = shapes.flatMap((shape) =>
        names.map((name): BenchCase => ({ ...name, ...shape, ...common })),
      );
      if (flags.json !== true) process.stdout.write(`${HEADER}\n`);
      for (const benchCase of cases) {
        const result = await benchTraining(benchCase, {
          engine: flags.engine ?? DEFAULT_ENGINE,
          precision: flags.precision,
          threads,
          stepsPerCall: 8,
          cache,
          roundMs: 700,
          rounds: 3,
        });
        process.stdout.write(flags.json === true ? `${JSON.stringify(result)}\n` : `${line(result)}\n`);
      }
    });
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
