/** `isoloss plan --arch ...`: what one model at one size costs, without a sweep. */
import { DEFAULT_ENGINE } from '../engine/engineNames.js';
import { UsageError } from '../store/errors.js';
import type { ModelSetup } from '../store/record.js';
import type { SizeFlag } from './flags.js';

export interface PlanModelFlags {
  readonly results: string;
  readonly threads?: string;
  readonly on?: string;
  readonly json?: true;
  readonly arch?: string;
  readonly size?: string;
  readonly d?: string;
  readonly layers?: string;
  readonly heads?: string;
  readonly dHead?: string;
  readonly dFf?: string;
  readonly vocab?: string;
  readonly length?: string;
  readonly batch?: string;
  readonly tied?: true;
  readonly optimizer?: 'adamw' | 'adafactor';
  readonly init?: 'small' | 't5';
  readonly steps?: string;
}

const DEFAULT_HEAD_WIDTH = 64;

/** Plans the model that the flags describe and prints what it costs. */
export async function planOneModel(flags: PlanModelFlags, arch: string): Promise<void> {
  const { knownArchitecture, sizeFlag, threadsFlag, wholeNumber } = await import('./flags.js');
  const { planModel, modelPlanText } = await import('../sweeps/planModel.js');
  const { findDevice } = await import('../sweeps/devices.js');
  const number = (flag: SizeFlag, text: string | undefined, otherwise: number): number =>
    text === undefined ? otherwise : sizeFlag(flag, text);
  const { preset, positions } = knownArchitecture(arch);
  const model: ModelSetup = {
    preset,
    positions,
    vocabSize: number('--vocab', flags.vocab, 1024),
    contextLength: number('--length', flags.length, 128),
    ...(await shapeOf(preset, flags)),
    tiedEmbeddings: flags.tied === true,
    init: flags.init ?? 'small',
  };
  const threads = flags.threads === undefined ? 1 : threadsFlag(flags.threads);
  const { readSpeedBook } = await import('../sweeps/speedBook.js');
  const plan = planModel(
    model,
    {
      batchSize: number('--batch', flags.batch, 8),
      optimizer: flags.optimizer ?? 'adamw',
      steps: flags.steps === undefined ? null : wholeNumber('--steps', flags.steps),
    },
    flags.on === undefined
      ? { speed: readSpeedBook(flags.results, '', { threads, engine: DEFAULT_ENGINE }), threads }
      : { device: findDevice(flags.on) },
  );
  console.log(flags.json === true ? JSON.stringify(plan, null, 2) : modelPlanText(plan));
}

/** The shape by name, or by its numbers, each of which may be given beside a name. */
async function shapeOf(
  preset: string,
  flags: PlanModelFlags,
): Promise<Pick<ModelSetup, 'dModel' | 'nLayers' | 'nHeads' | 'dHead' | 'dFf'>> {
  const { LADDER, PAPER_SIZES, SCALING_STUDY_SIZES } = await import('../models/sizes.js');
  const { defaultDff, feedForwardWidth } = await import('../models/registry.js');
  const { sizeFlag } = await import('./flags.js');
  const named = [...Object.values(PAPER_SIZES), ...SCALING_STUDY_SIZES, ...LADDER];
  const size = named.find(({ name }) => name === flags.size);
  if (flags.size !== undefined && size === undefined) {
    throw new UsageError(
      `There is no size "${flags.size}". Known: ${named.map(({ name }) => name).join(', ')}; or give --d and --layers.`,
    );
  }
  const given = (flag: SizeFlag, text: string | undefined): number | undefined =>
    text === undefined ? undefined : sizeFlag(flag, text);
  const dModel = given('--d', flags.d) ?? size?.dModel;
  const nLayers = given('--layers', flags.layers) ?? size?.nLayers;
  if (dModel === undefined || nLayers === undefined)
    throw new UsageError('A model to plan needs --d and --layers, or a --size.');
  const nHeads =
    given('--heads', flags.heads) ?? size?.nHeads ?? Math.max(1, Math.round(dModel / DEFAULT_HEAD_WIDTH));
  const dHead = given('--d-head', flags.dHead) ?? size?.dHead ?? dModel / nHeads;
  if (!Number.isInteger(dHead))
    throw new UsageError(`--d ${dModel} is not a multiple of ${nHeads} heads: give --heads or --d-head.`);
  const dFf =
    given('--d-ff', flags.dFf) ??
    (size === undefined || flags.d !== undefined
      ? defaultDff(preset, dModel)
      : feedForwardWidth(preset, size.dFf));
  return { dModel, nLayers, nHeads, dHead, dFf };
}
