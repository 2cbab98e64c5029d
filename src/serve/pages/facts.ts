/** A run's configuration in words, the same for its page and for comparisons. */
import { formatCount, formatShortCount } from '../../report/format.js';
import type { OptimizerSetup, RunRecord, ScheduleSetup } from '../../store/record.js';
import { plain } from './format.js';

/** Name and value of everything that was decided before the run. */
export function setupFacts(record: RunRecord): (readonly [string, string])[] {
  const { setup } = record;
  const { model, optimizer } = setup;
  return [
    ['Architecture', model.preset],
    ['Positions', model.positions],
    ['Width × layers', `${model.dModel} × ${model.nLayers}`],
    ['Heads', `${model.nHeads} of width ${model.dHead}`],
    ['Feed-forward width', String(model.dFf)],
    ['Vocabulary', formatCount(model.vocabSize)],
    ['Context', `${model.contextLength} tokens`],
    ['Embeddings', model.tiedEmbeddings ? 'tied' : 'untied'],
    ['Initial values', model.init],
    [
      'Parameters',
      `${formatShortCount(record.paramsTotal)}, ${formatShortCount(record.paramsNonEmbedding)} without embeddings`,
    ],
    ['Learning rate', plain(optimizer.learningRate)],
    ['Optimizer', optimizerText(optimizer)],
    ['Schedule', scheduleText(setup.schedule)],
    ['Batch', `${setup.batchSize} sequences, ${formatCount(record.tokensPerStep)} tokens a step`],
    ['Steps', String(setup.steps)],
    ['Corpus', `${setup.corpus}, ${record.epochs.toPrecision(3)} epochs`],
    ['Seed', String(setup.seed)],
  ];
}

function optimizerText(optimizer: OptimizerSetup): string {
  const { weightDecay, clipNorm } = optimizer;
  const clip = clipNorm === null ? 'no clipping' : `clipping ${clipNorm}`;
  switch (optimizer.kind) {
    case 'adamw':
      return `AdamW, β ${optimizer.beta1} and ${optimizer.beta2}, weight decay ${weightDecay}, ${clip}`;
    case 'adafactor':
      return `Adafactor, weight decay ${weightDecay}, ${clip}`;
    default:
      return optimizer satisfies never;
  }
}

function scheduleText(schedule: ScheduleSetup): string {
  switch (schedule.kind) {
    case 'cosine':
      return `cosine to ${schedule.finalFraction} of the rate, warm-up ${schedule.warmupFraction} of the steps`;
    case 'rsqrt':
      return `reciprocal square root, warm-up ${schedule.warmupSteps} steps`;
    case 'wsd':
      return `warm-up over ${schedule.warmupSteps} steps, stable, decay ${schedule.decayFraction} of the steps to ${schedule.finalFraction}`;
    case 'constant':
      return `constant, warm-up ${schedule.warmupFraction} of the steps`;
    default:
      return schedule satisfies never;
  }
}
