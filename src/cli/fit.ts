/** `isoloss fit`: scaling-law fits of a sweep, or of anyone's runs in a CSV file. */
import { statSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { FitRunsOptions } from '../fit/fitRuns.js';
import type { ParametricName } from '../fit/parametric.js';
import type { CountedFitRow } from '../fit/row.js';
import type { RunSet } from '../fit/runSet.js';
import { flagOf, RUN_FIELDS, type RunColumns } from '../fit/runTable.js';
import { UsageError } from '../store/errors.js';
import type { Study } from '../store/study.js';
import { LIMITS } from '../sweeps/limits.js';
import { namesOf } from './names.js';
import { namedValues } from './pairs.js';

/** What N may count in a sweep. */
const SWEEP_CONVENTIONS: Readonly<Record<string, (row: CountedFitRow) => number>> = {
  'non-embedding+output': (row) => row.paramsNonEmbedding + (row.paramsOutput ?? 0),
  'non-embedding': (row) => row.paramsNonEmbedding,
  total: (row) => row.paramsTotal,
};

const PARAMETRIC = ['E', 'A', 'alpha', 'B', 'beta'] as const satisfies readonly ParametricName[];

interface FitCommandOptions extends RunColumns {
  readonly where: readonly string[];
  readonly baselines?: string;
  readonly form: NonNullable<FitRunsOptions['form']>;
  readonly objective: NonNullable<FitRunsOptions['objective']>;
  readonly delta: string;
  readonly fix: readonly string[];
  readonly starts: string;
  readonly bootstraps: string;
  readonly bootstrapSeed: string;
  readonly interval: NonNullable<FitRunsOptions['interval']>;
  readonly isoflop: NonNullable<FitRunsOptions['isoflopMethod']>;
  readonly threads?: string;
  readonly optima?: true;
  readonly results: string;
  readonly json?: true;
}

/** Flags that the over-training form has no use for. */
const CHINCHILLA_ONLY = ['fix', 'objective', 'delta', 'interval'] as const;

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

export function addFitCommand(program: Command): void {
  program
    .command('fit')
    .description('fit scaling laws to a sweep or to runs in a CSV file')
    .argument('<source>', 'a CSV or TSV file with a header line, or the name of a sweep')
    .option(
      '--params <column>',
      'column of parameters N; for a sweep what N counts: non-embedding+output, non-embedding or total',
    )
    .option('--tokens <column>', 'column of training tokens D')
    .option('--flops <column>', 'column of training FLOPs C')
    .option('--loss <column>', 'column of the loss')
    .option('--arch <column>', 'column of the architecture')
    .option('--positions <column>', 'column of the family of positions')
    .option('--seed <column>', 'column of the seed')
    .option('--budget <column>', 'column of the compute budget a run belongs to')
    .option('--weight <column>', 'column of weights for the fit in N and D')
    .option('--trunk <column>', 'column naming runs that share a trunk, drawn together in bootstraps')
    .option('--status <column>', 'column of the status; only rows that are done are fitted')
    .option('--steps <column>', 'column of optimizer steps')
    .option('--seconds <column>', 'column of training seconds (with --steps and --hardware)')
    .option('--hardware <column>', 'column naming the hardware of the seconds')
    .option('--flops-matmul <column>', 'column of the FLOPs of matrix products')
    .option('--where <column=value>', 'only rows with this value (repeatable)', collect, [])
    .option('--baselines <names>', 'architectures to compare with, separated by commas')
    .addOption(
      new Option('--form <form>', 'form in N and D')
        .choices(['chinchilla', 'over-training'])
        .default('chinchilla'),
    )
    .addOption(
      new Option('--objective <objective>', 'what the fit in N and D minimises')
        .choices(['huber', 'asymmetric', 'leastSquares', 'logLeastSquares'])
        .default('huber'),
    )
    .option('--delta <x>', 'Huber threshold on log loss', '1e-3')
    .option('--fix <name=value>', 'hold E, A, alpha, B or beta (repeatable)', collect, [])
    .option('--starts <n>', 'starts of the search', '500')
    .option('--bootstraps <n>', 'bootstrap draws behind the intervals; 0 for none', '1000')
    .option('--bootstrap-seed <n>', 'seed of the bootstrap', '0')
    .addOption(
      new Option('--interval <kind>', 'kind of interval in N and D')
        .choices(['percentile', 'bca'])
        .default('percentile'),
    )
    .addOption(
      new Option('--isoflop <method>', 'how the optimal size of a budget is found')
        .choices(['parabola', 'akima'])
        .default('parabola'),
    )
    .option('--threads <n>', 'threads of the bootstrap; those of the machine unless given')
    .option('--optima', 'the rows are optima already, one a budget: fit N, D and loss against compute')
    .option('--results <dir>', 'folder of the results, for a sweep', 'results')
    .option('--json', 'everything, as JSON')
    .addHelpText(
      'after',
      `
A column in another unit is given with its factor: --tokens "tokens_billions*1e9".
Columns with usual names (N, D, C, loss, arch, seed ...) need no flag.

Examples:
  isoloss fit runs.csv --params N --tokens D --flops C --loss L --json
  isoloss fit quick --baselines transformer
  isoloss fit runs.csv --objective asymmetric --fix E=1.69 --where dataset=c4
  isoloss fit optima.csv --optima --params n_opt --tokens d_opt --loss bpb --arch convention`,
    )
    .action(async (source: string, options: FitCommandOptions, command: Command) => {
      const { fitRuns } = await import('../fit/fitRuns.js');
      const { summarise } = await import('../fit/summary.js');
      const { threadsFlag, wholeNumber } = await import('./flags.js');
      const unused = CHINCHILLA_ONLY.find((name) => command.getOptionValueSource(name) === 'cli');
      if (options.form === 'over-training' && unused !== undefined) {
        throw new UsageError(
          `--${unused} is not for --form over-training, whose fit is least squares of loss; leave it out.`,
        );
      }
      const { set, baselines, archs } = await loadRuns(source, options);
      const asked = options.baselines === undefined ? null : namesOf('--baselines', options.baselines);
      if (asked !== null) {
        const { requireArchitectures } = await import('../report/restrict.js');
        requireArchitectures(asked, archs, source);
      }
      const progress = process.stderr.isTTY
        ? (done: number, total: number): void => {
            process.stderr.write(`\rbootstrap ${done}/${total}${done === total ? '\n' : ''}`);
          }
        : undefined;
      const report = await fitRuns(set, {
        baselines: asked ?? baselines,
        form: options.form,
        optima: options.optima === true,
        objective: options.objective,
        delta: positiveNumber('--delta', options.delta),
        starts: wholeNumber('--starts', options.starts, 1, LIMITS.draws),
        bootstraps: wholeNumber('--bootstraps', options.bootstraps, 0, LIMITS.draws),
        seed: wholeNumber('--bootstrap-seed', options.bootstrapSeed, 0),
        interval: options.interval,
        isoflopMethod: options.isoflop,
        fixed: toFixed(options.fix),
        ...(options.threads === undefined ? {} : { threads: threadsFlag(options.threads) }),
        ...(progress === undefined ? {} : { onProgress: progress }),
      });
      process.stdout.write(
        `${options.json === true ? JSON.stringify(report, null, 2) : summarise(report)}\n`,
      );
    });
}

interface LoadedRuns {
  readonly set: RunSet;
  readonly baselines: readonly string[];
  /** Architectures that a baseline can be one of: those of runs that have not ended too. */
  readonly archs: readonly string[];
}

/** A file is a table of anyone's runs; anything else names a sweep. */
async function loadRuns(source: string, options: FitCommandOptions): Promise<LoadedRuns> {
  const { runSetOfRows, runSetOfTable } = await import('../fit/runSet.js');
  // A folder may have the name of a sweep; a pipe is read like a file.
  if (statSync(source, { throwIfNoEntry: false })?.isDirectory() === false) {
    const { readText } = await import('../exchange/readText.js');
    const { parseCsv } = await import('../fit/csv.js');
    const { readRunTable } = await import('../fit/runTable.js');
    const table = parseCsv(readText(source), source);
    const where = namedValues('--where', options.where, null);
    const set = runSetOfTable(readRunTable(table, columnsOf(options), where), source);
    return { set, baselines: [], archs: [...set.points.keys()] };
  }
  if (/\.(csv|tsv|txt)$/i.test(source)) throw new UsageError(`There is no file ${source}.`);
  const { loadStudy } = await import('../store/study.js');
  const study = loadStudy(options.results, source);
  const forTables = RUN_FIELDS.find((field) => field !== 'params' && options[field] !== undefined);
  if (forTables !== undefined || options.where.length > 0) {
    const flag = forTables === undefined ? '--where' : flagOf(forTables);
    throw new UsageError(
      `${flag} is about the columns of a file, and there is no file ${source}, but runs of that name among the results. Leave it out, or fit them from a file: isoloss export runs ${source} --out ${source}.csv.`,
    );
  }
  const name = options.params ?? 'non-embedding+output';
  const count = Object.hasOwn(SWEEP_CONVENTIONS, name) ? SWEEP_CONVENTIONS[name] : undefined;
  if (count === undefined) {
    throw new UsageError(
      `--params of a sweep is one of ${Object.keys(SWEEP_CONVENTIONS).join(', ')}, not "${name}".`,
    );
  }
  const set = runSetOfRows(study.fitRows, source, `${name} parameters`, count);
  const notes = absentRuns(study);
  if (set.points.size === 0) {
    throw new UsageError(
      [
        `No run of ${source} is done, so there is nothing to fit: isoloss status ${source} tells where they stand.`,
        ...notes,
      ].join('\n'),
    );
  }
  const archs = [...new Set([...study.sweep.runs, ...study.fitRows].map(({ arch }) => arch))];
  return { set: { ...set, notes }, baselines: study.sweep.baselines, archs };
}

/** What a sweep lacks of what it planned, as sentences. */
function absentRuns({ sweep, fitRows, problems }: Study): string[] {
  const ended = new Set(fitRows.map((row) => row.id));
  const absent = sweep.runs.filter(({ runKey }) => !ended.has(runKey)).length;
  return absent === 0
    ? [...problems]
    : [
        ...problems,
        `${absent} of ${sweep.runs.length} planned runs ${absent === 1 ? 'has' : 'have'} not ended, or can't be read: the fits are without ${absent === 1 ? 'it' : 'them'}.`,
      ];
}

/** The flags that name columns. */
function columnsOf(options: FitCommandOptions): RunColumns {
  return Object.fromEntries(
    RUN_FIELDS.flatMap((field) => (options[field] === undefined ? [] : [[field, options[field]]])),
  );
}

function positiveNumber(flag: string, text: string, orZero = false): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!Number.isFinite(value) || value < 0 || (value === 0 && !orZero)) {
    throw new UsageError(`${flag} takes a number ${orZero ? 'of at least' : 'above'} 0, not "${text}".`);
  }
  return value;
}

function toFixed(pairs: readonly string[]): Partial<Record<ParametricName, number>> {
  const fixed: Partial<Record<ParametricName, number>> = {};
  const values = namedValues('--fix', pairs, PARAMETRIC);
  for (const name of PARAMETRIC) {
    const text = values[name];
    if (text === undefined) continue;
    fixed[name] = positiveNumber(`--fix ${name}`, text, name === 'E');
  }
  return fixed;
}
