/** The parameters that a run has trained, from its checkpoint. */
import type { HostTensors } from '../engine/tensors.js';
import type { LanguageModel } from '../models/model.js';
import { buildModel } from '../models/buildModel.js';
import { architectureNames } from '../models/registry.js';
import { loadCheckpoint } from '../store/checkpoint.js';
import { UsageError } from '../store/errors.js';
import { hasEnded, type RunRecord } from '../store/record.js';
import { checkpointPath } from '../store/runDirectory.js';
import { paramKey } from './stateNames.js';

export interface TrainedModel {
  readonly model: LanguageModel;
  /** By the names of a run's state (`paramKey`). */
  readonly params: HostTensors;
  /** Steps that the parameters have been trained for; fewer than the run's where it has not ended. */
  readonly step: number;
}

/**
 * Loads the parameters of a run.
 *
 * @throws UsageError where there is no good checkpoint, or not one of this architecture, saying how to get one
 */
export function loadTrainedModel(directory: string, record: RunRecord): TrainedModel {
  const { runKey, setup, status } = record;
  const { preset } = setup.model;
  if (!architectureNames().includes(preset)) {
    throw new UsageError(
      `Run ${runKey} was trained with the variant ${preset}, which is not loaded here: name its file (--variant FILE).`,
    );
  }
  const { checkpoint, reason } = loadCheckpoint(checkpointPath(directory));
  const damaged = reason === null ? '' : ` ${reason}`;
  if (checkpoint === null) {
    throw new UsageError(
      `Run ${runKey} (${record.arch}, ${status}) has no checkpoint in ${directory}.${damaged} ` +
        (hasEnded(record)
          ? '`isoloss gc` removes those of ended runs, and what `isoloss pack` writes never has one. To get one, remove ' +
            `the run's folder and train it again (isoloss run ${record.sweep}): on the same machine, with the same ` +
            'version, it gives the same numbers.'
          : `Train it first: isoloss run ${record.sweep}`),
    );
  }
  if (status === 'done' && checkpoint.step !== setup.steps) {
    throw new UsageError(
      `Run ${runKey} has no checkpoint of its last step, only of step ${checkpoint.step}.${damaged} ` +
        `Remove the run's folder and train it again: isoloss run ${record.sweep}`,
    );
  }
  const model = buildModel(setup.model);
  const params = Object.fromEntries(
    model.params.map(({ name, shape }) => {
      const tensor = checkpoint.tensors[paramKey(name)];
      if (tensor?.shape.join() !== shape.join()) {
        throw new UsageError(
          `The checkpoint of run ${runKey} has no ${name} of shape ${shape.join(' x ')}: ${preset} is not what it was ` +
            'when the run was trained.',
        );
      }
      return [paramKey(name), tensor.data];
    }),
  );
  return { model, params, step: checkpoint.step };
}
