/** The variant that a run is of, where its model is none of the presets: loaded from the file that its sweep names. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadVariants } from '../../models/loadVariant.js';
import { architectureNames } from '../../models/registry.js';
import { UsageError } from '../../store/errors.js';
import type { RunRecord } from '../../store/record.js';
import { PACKAGE_SWEEPS, variantFilesOf } from '../../sweeps/sweepFile.js';
import { describeModel } from '../../train/describe.js';

/**
 * Makes the model of a run known to this process.
 *
 * @param sweeps names of the sweeps that list the run; their files are looked for in `./sweeps` and here
 * @throws UsageError where no file of them names the variant, or its file was edited since the run was trained
 */
export async function loadVariantOf(record: RunRecord, sweeps: readonly string[]): Promise<void> {
  const { model, batchSize } = record.setup;
  if (architectureNames().includes(model.preset)) return;
  const cwd = process.cwd();
  const paths = sweeps.flatMap((name) =>
    [join(cwd, 'sweeps'), cwd, PACKAGE_SWEEPS].map((folder) => join(folder, `${name}.yaml`)),
  );
  const files = paths.filter((path) => existsSync(path)).flatMap(variantFilesOf);
  await loadVariants([...new Set(files)]);
  if (!architectureNames().includes(model.preset)) {
    throw new UsageError(
      `The run is of ${model.preset}, which is no preset, and no sweep file here names a variant of that name ` +
        `(looked for ${paths.join(', ')}). Start \`isoloss serve\` in the folder that the sweep was run from.`,
    );
  }
  if (describeModel(model, batchSize).trainGraphSha256 !== record.keyParts['trainGraph']) {
    throw new UsageError(
      `${model.preset} has changed since the run was trained (${files.join(', ')}), so its parameters mean something else.`,
    );
  }
}
