/** How to reproduce it: command, data, settings, machine, cost, and every run with its key. */
import { objectiveOf } from '../../models/registry.js';
import type { RunRecord } from '../../store/record.js';
import type { Analysis } from '../../fit/analysis.js';
import { correlationAtEqualSeed } from '../../fit/noise.js';
import type { ReportContext } from '../context.js';
import type { Block, Section } from '../document.js';
import {
  counted,
  formatCount,
  formatFlops,
  formatLoss,
  formatNumber,
  formatPowerOfTen,
  formatSeconds,
  formatShortCount,
  listInWords,
} from '../format.js';
import { documentsText, type CorpusInfo } from '../resolved.js';
import { code, rich, type Rich } from '../rich.js';
import { datasetOf, type Table } from '../table.js';

type Fact = readonly [string, Rich];

export function reproduceSection(context: ReportContext): Section {
  const { study, tuning } = context;
  const { sweep } = study;
  const file = `${sweep.name}.yaml`;
  const tuned = tuning === null || tuning.sweeps.includes(sweep.name) ? null : tuning.sweeps;
  const blocks: Block[] = [
    {
      kind: 'prose',
      text: rich`Save the sweep file below as ${code(file)} and type ${code(`isoloss run ${file} --report`)}. Runs that exist are not trained again; a run is known by its key, which is hashed from everything that decides its numbers.`,
    },
    ...(tuned === null
      ? []
      : [
          {
            kind: 'prose',
            text: rich`Its learning rates are read from ${listInWords(tuned.map((name) => `${name}.tuned.json`))} beside the sweep file, made by ${code(tuned.map((name) => `isoloss run ${name}`).join('; '))}.${tuned.length === 1 ? '' : ' Of an architecture and size that several of them tuned, a run takes the rate of the budget nearest to its own.'}`,
          } as const,
        ]),
    {
      kind: 'facts',
      facts: [
        ...costFacts(context),
        ...dataFacts(context),
        ...settingFacts(context),
        ...machineFacts(context),
      ],
    },
    {
      kind: 'code',
      summary: `Sweep file (SHA-256 ${sweep.sourceSha256})`,
      language: 'yaml',
      text: sweep.source,
    },
    {
      kind: 'code',
      summary: 'Sweep with all defaults filled in',
      language: 'json',
      text: JSON.stringify(sweep.resolved['settings'] ?? sweep.resolved, null, 2),
    },
    ...(tuned === null
      ? []
      : [
          {
            kind: 'code',
            summary: `Tuned learning rates of ${tuned.join(' and ')}, with all trials`,
            language: 'json',
            text: JSON.stringify(sweep.resolved['tuning'], null, 1),
            file: 'tuned-rates.json',
          } as const,
        ]),
    { kind: 'table', table: runsTable(study.runs), file: 'runs', collapsed: true },
  ];
  return { id: 'reproduce', title: 'How to reproduce it', blocks };
}

function costFacts({ study }: ReportContext): Fact[] {
  const { runs, sweep } = study;
  const statuses = [...new Set(runs.map((run) => run.status))].sort();
  const counts = statuses.map(
    (status) => `${formatCount(runs.filter((run) => run.status === status).length)} ${status}`,
  );
  const missing = study.missing.length > 0 ? [`${formatCount(study.missing.length)} not started`] : [];
  const flops = sum(runs, (run) => run.flopsPerStep * run.stepsDone);
  const seconds = sum(runs, (run) => run.execution?.trainSeconds ?? 0);
  const days = runs
    .flatMap(({ execution }) =>
      execution === null ? [] : [execution.startedAt, execution.finishedAt ?? execution.startedAt],
    )
    .map((time) => time.slice(0, 10))
    .sort();
  const span = [...new Set([days[0], days.at(-1)])].join(' to ');
  return [
    ['Runs', rich`${formatCount(sweep.runs.length)} planned: ${[...counts, ...missing].join(', ')}`],
    [
      'Compute',
      rich`${formatFlops(flops)} and ${formatShortCount(sum(runs, (run) => run.tokensPerStep * run.stepsDone))} tokens of training`,
    ],
    [
      'Time',
      rich`${formatSeconds(seconds)} of training summed over runs, each counted as trained alone; evaluation, compilation and checkpoints excluded`,
    ],
    ...sharedTrunks(runs),
    ...(span === '' ? [] : [['Trained', rich`${span}`] as const]),
  ];
}

/** What sharing trunks has saved; the FLOPs of a run that took over steps of another are those of the whole run. */
function sharedTrunks(runs: readonly RunRecord[]): Fact[] {
  const branched = runs.flatMap(({ execution, flopsPerStep }) =>
    execution?.branch === undefined ? [] : [execution.branch.step * flopsPerStep],
  );
  if (branched.length === 0) return [];
  const saved = branched.reduce((total, flops) => total + flops, 0);
  const whole = sum(runs, (run) => run.flopsPerStep * run.stepsDone);
  return [
    [
      'Shared trunks',
      rich`${counted(branched.length, 'run')} took over the first steps of a run of the same size and seed, which saved ${formatFlops(saved)} (${formatNumber((100 * saved) / whole, 2)}% of the compute above, which counts every run as trained alone)`,
    ],
  ];
}

function dataFacts({ study, corpus }: ReportContext): Fact[] {
  const epochs = study.runs.map((run) => run.epochs);
  const range =
    epochs.length === 0
      ? ''
      : `; runs read ${formatNumber(Math.min(...epochs), 2)} to ${formatNumber(Math.max(...epochs), 2)} epochs`;
  if (corpus === null) {
    const named = [...new Set(study.runs.map((run) => run.setup.corpus))];
    return [['Text', rich`${listInWords(named)}, of which sweep.json does not tell the sizes${range}`]];
  }
  const { splits } = corpus;
  const tokens = (['train', 'val', 'test'] as const)
    .map((split) => `${split} ${formatShortCount(splits[split].tokens)}`)
    .join(', ');
  const evaluated = [
    ...new Set(study.runs.flatMap((run) => (run.final === null ? [] : [run.final.test.tokens]))),
  ];
  return [
    [
      'Text',
      rich`${corpus.name}: ${documentsText(corpus)}, ${formatShortCount(corpus.utf8Bytes)} bytes${corpus.licence === null ? '' : `, ${corpus.licence}`}; ${corpus.origin}`,
    ],
    ['Text, SHA-256', rich`${code(corpus.contentSha256)}`],
    [
      'Tokens',
      rich`${tokens} (vocabulary ${formatCount(corpus.vocabSize)}, byte-level BPE trained on the training split, ${formatNumber(splits.test.bytesPerToken, 3)} bytes per token in test)${range}`,
    ],
    // Of no use where dropped spans are predicted: their targets have other frequencies, and an encoder sees the rest.
    ...(study.runs.some(({ setup }) => objectiveOf(setup.model.preset) === 'spanCorruption')
      ? []
      : [yardstick(corpus)]),
    ...(evaluated.length === 0
      ? []
      : [
          [
            'Evaluation',
            rich`val chooses, test is reported, once, at the last step: ${listInWords(evaluated.map(formatCount))} tokens in fixed windows`,
          ] as const,
        ]),
  ];
}

function yardstick({ testUnigramEntropyNats }: CorpusInfo): Fact {
  return [
    'Yardstick',
    rich`Unigram entropy of the test split: ${formatLoss(testUnigramEntropyNats)} nats; a loss above it is no better than token frequencies`,
  ];
}

function settingFacts({ study, analysis }: ReportContext): Fact[] {
  const { runs } = study;
  const setups = runs.map((run) => run.setup);
  const facts: Fact[] = [
    [
      'Step',
      rich`${distinct(runs.map((run) => formatCount(run.tokensPerStep)))} tokens (context ${distinct(setups.map((s) => s.model.contextLength))}, batch ${distinct(setups.map((s) => s.batchSize))}), precision ${distinct(setups.map((s) => s.precision))}`,
    ],
    ['Optimizer', rich`${distinct(setups.map((s) => optimizerText(s.optimizer)))}`],
    ['Schedule', rich`${distinct(setups.map((s) => scheduleText(s.schedule)))}`],
    ['Rules', rich`FLOP rule ${keyPart(runs, 'flopRule')}, numerics ${keyPart(runs, 'numerics')}`],
    [
      'Intervals',
      rich`95%, ${formatCount(analysis.options.bootstraps)} bootstrap draws (seed ${analysis.options.seed}), the unit being the run's trunk${pairingText(analysis)}${analysis.seedNoise === null ? '' : `; seed standard deviation ${formatNumber(analysis.seedNoise.standardDeviation, 2)} nats over ${counted(analysis.seedNoise.nCells, 'cell')}`}${timingText(study)}`,
    ],
  ];
  return facts;
}

/** By how much timings are drawn apart; no draws without seed noise. */
function timingText({ fitRows }: ReportContext['study']): string {
  const error = fitRows.find((row) => row.secondsError !== undefined)?.secondsError;
  return error === undefined
    ? ''
    : `; seconds a step are drawn with a relative error of ${formatNumber(100 * error, 2)}%, which rounds of timing show`;
}

/** How far draws of architectures go together. */
function pairingText({ seedNoise, pairedNoise }: Analysis): string {
  if (seedNoise === null || seedNoise.standardDeviation === 0) return '';
  const correlation = correlationAtEqualSeed(seedNoise, pairedNoise);
  return correlation === 0
    ? ', architectures drawn independently (runs of equal seed and size differ by as much as any)'
    : `, drawn with a correlation of ${correlation.toFixed(2)} between architectures at equal seed and size`;
}

function machineFacts({ study }: ReportContext): Fact[] {
  const executions = study.runs.flatMap((run) => (run.execution === null ? [] : [run.execution]));
  if (executions.length === 0) return [];
  return [
    [
      'Versions',
      rich`isoloss ${distinct(executions.map((e) => e.isolossVersion))}, ${distinct(executions.map((e) => `${e.engine} ${e.engineVersion}`))}, Node ${distinct(executions.map((e) => e.nodeVersion.replace(/^v/, '')))}`,
    ],
    [
      'Machine',
      rich`${distinct(executions.map((e) => `${e.device ?? e.cpuModel}, ${counted(e.threads, 'thread')} a run, ${e.stepsPerCall} steps a call`))}`,
    ],
    ...(study.timings === null ? [] : [['Timed on', rich`${study.timings.hardware}`] as const]),
  ];
}

function runsTable(runs: readonly RunRecord[]): Table {
  // Only mixtures of experts use fewer parameters for a token than they have.
  const mixtures = runs.some((run) => run.paramsActive < run.paramsTotal);
  const columns = [
    'run',
    'arch',
    'dModel',
    'nLayers',
    'dFf',
    'budgetFlops',
    'seed',
    'status',
    'steps',
    'tokens',
    'epochs',
    'flops',
    'flopsMatmul',
    'paramsTotal',
    'paramsNonEmbedding',
    ...(mixtures ? (['paramsActive'] as const) : []),
    'learningRate',
    'valNats',
    'testNats',
    'testBitsPerByte',
    'trainSeconds',
    'trunk',
  ] as const;
  return {
    caption: 'All runs, by run key',
    dataset: datasetOf(
      columns,
      runs.map((run) => ({
        run: run.runKey,
        arch: run.arch,
        dModel: run.setup.model.dModel,
        nLayers: run.setup.model.nLayers,
        dFf: run.setup.model.dFf,
        budgetFlops: run.budgetFlops,
        seed: run.setup.seed,
        status: run.status,
        steps: run.stepsDone,
        tokens: run.tokens,
        epochs: run.epochs,
        flops: run.flops,
        flopsMatmul: run.flopsMatmul,
        paramsTotal: run.paramsTotal,
        paramsNonEmbedding: run.paramsNonEmbedding,
        paramsActive: run.paramsActive,
        learningRate: run.setup.optimizer.learningRate,
        valNats: run.final?.val.lossNats ?? null,
        testNats: run.final?.test.lossNats ?? null,
        testBitsPerByte: run.final?.test.bitsPerByte ?? null,
        trainSeconds: run.execution?.trainSeconds ?? null,
        trunk: run.trunk,
      })),
    ),
    columns: [
      { field: 'run', label: 'Run key' },
      { field: 'arch', label: 'Architecture' },
      { field: 'dModel', label: 'Width' },
      { field: 'nLayers', label: 'Layers' },
      { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
      { field: 'seed', label: 'Seed' },
      { field: 'status', label: 'Status' },
      { field: 'steps', label: 'Steps', format: formatCount },
      { field: 'tokens', label: 'Tokens', format: formatShortCount },
      { field: 'paramsTotal', label: 'Parameters', format: formatShortCount },
      ...(mixtures ? [{ field: 'paramsActive', label: 'Used for a token', format: formatShortCount }] : []),
      { field: 'learningRate', label: 'Learning rate' },
      { field: 'valNats', label: 'Val, nats', format: formatLoss },
      { field: 'testNats', label: 'Test, nats', format: formatLoss },
      { field: 'testBitsPerByte', label: 'Test, bits per byte', format: formatLoss },
      { field: 'trainSeconds', label: 'Training, s', format: (seconds) => formatNumber(seconds, 3) },
    ],
  };
}

function sum(runs: readonly RunRecord[], value: (run: RunRecord) => number): number {
  return runs.reduce((total, run) => total + value(run), 0);
}

/** A number that the run keys were hashed from. */
function keyPart(runs: readonly RunRecord[], name: string): string {
  const value = (run: RunRecord): number | string => {
    const part = run.keyParts[name];
    return typeof part === 'number' ? part : 'not recorded';
  };
  return distinct(runs.map(value));
}

/** The distinct values in a sentence; more than four are counted. */
function distinct(values: readonly (string | number)[]): string {
  const different = [...new Set(values.map(String))];
  if (different.length > 4) return `${different.slice(0, 3).join(', ')} and ${different.length - 3} more`;
  return listInWords(different);
}

function optimizerText(optimizer: RunRecord['setup']['optimizer']): string {
  const clip = optimizer.clipNorm === null ? 'no clipping' : `clipping at norm ${optimizer.clipNorm}`;
  const decay = `weight decay ${optimizer.weightDecay}`;
  switch (optimizer.kind) {
    case 'adamw':
      return `AdamW (${optimizer.beta1}, ${optimizer.beta2}, epsilon ${optimizer.epsilon}), ${decay}, ${clip}`;
    case 'adafactor':
      return `Adafactor, ${decay}, ${clip}`;
    default:
      return optimizer satisfies never;
  }
}

function scheduleText(schedule: RunRecord['setup']['schedule']): string {
  switch (schedule.kind) {
    case 'cosine':
      return `cosine to ${schedule.finalFraction * 100}% of the peak, warm-up over ${schedule.warmupFraction * 100}% of the steps`;
    case 'rsqrt':
      return `reciprocal square root, warm-up over ${schedule.warmupSteps} steps`;
    case 'wsd':
      return `warm-up over ${schedule.warmupSteps} steps, stable, decay over the last ${schedule.decayFraction * 100}% of the steps to ${schedule.finalFraction * 100}% of the peak`;
    case 'constant':
      return `constant, warm-up over ${schedule.warmupFraction * 100}% of the steps`;
    default:
      return schedule satisfies never;
  }
}
