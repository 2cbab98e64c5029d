/** Writes a file to start a variant from. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isPreset } from '../models/registry.js';
import { wrongName } from '../models/variant.js';
import { variantTemplate } from '../models/variantTemplate.js';
import { UsageError } from '../store/errors.js';
import { isSystemError } from '../store/files.js';

/**
 * @returns the path written, `NAME.ts` in the folder
 * @throws UsageError where the name can't be one or is taken, or the file exists: nothing is overwritten
 */
export function writeVariant(name: string, base: 'options' | 'forward', folder = '.'): string {
  const wrong = wrongName(name);
  if (wrong !== null) throw new UsageError(`"${name}" can't be a variant's name: it ${wrong}.`);
  if (isPreset(name)) {
    throw new UsageError(`"${name}" is the name of a preset; give the variant a name of its own.`);
  }
  const path = join(folder, `${name}.ts`);
  try {
    writeFileSync(path, variantTemplate(name, base), { flag: 'wx' });
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
    throw new UsageError(
      `${path} exists already and is not overwritten; choose another name, or move it away.`,
    );
  }
  return path;
}
