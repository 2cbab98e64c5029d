/** Whether a case of `isoloss bench` can be measured, before the first one is. */
import { countParams } from '../models/params.js';
import { buildModel } from '../models/buildModel.js';
import { leastLayers } from '../models/registry.js';
import { UsageError } from '../store/errors.js';
import { type BenchCase, modelOf } from '../train/bench.js';
import { bytesText } from './format.js';
import { machineMemory } from './machine.js';

/** Parameters, their gradients and two moments; logits and their gradient. */
const COPIES_OF_PARAMS = 4;
const COPIES_OF_LOGITS = 2;
const BYTES = 4;

/** @throws UsageError or ModelError where the case can't have its sizes, or this machine can't hold it */
export function requireBenchable(benchCase: BenchCase): void {
  const { preset, dModel, nLayers, batchSize, contextLength, vocabSize } = benchCase;
  const model = modelOf(benchCase);
  if (dModel % model.nHeads !== 0)
    throw new UsageError(`--d takes a multiple of ${model.nHeads}, the heads of every case, not ${dModel}.`);
  if (nLayers < leastLayers(preset))
    throw new UsageError(`--layers has to be at least ${leastLayers(preset)} for ${preset}, not ${nLayers}.`);
  const { params } = buildModel(model);
  const least =
    BYTES *
    (COPIES_OF_PARAMS * countParams(params).paramsTotal +
      COPIES_OF_LOGITS * batchSize * contextLength * vocabSize);
  const memory = machineMemory();
  if (least <= memory) return;
  throw new UsageError(
    `${preset} at this size takes more than ${bytesText(least)}, and this machine has ${bytesText(memory)}: ` +
      'give smaller --d, --layers, --batch, --length or --vocab. `isoloss plan --arch` counts models of any size.',
  );
}
