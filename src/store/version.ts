/** The version of isoloss that is running. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const packageSchema = z.object({ version: z.string() });
let known: string | null = null;

/** From package.json, which lies two folders above both src/store and dist/store. */
export function packageVersion(): string {
  known ??= packageSchema.parse(
    JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')),
  ).version;
  return known;
}
