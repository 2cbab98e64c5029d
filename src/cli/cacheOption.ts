/** The flag --no-cache, the same for every command that compiles models of a sweep. */
import { type Command, Option } from 'commander';

/** Compiled models are kept from one process to the next unless it is given. */
export const noCacheOption = (): Option =>
  new Option('--no-cache', 'compile every model anew, and keep none (as ISOLOSS_MODEL_CACHE=off does)');

/** Lets a command and the processes that it starts go by its --no-cache. */
export async function heedNoCache(command: Command): Promise<void> {
  if (command.opts<{ cache?: boolean }>().cache !== false) return;
  const { CACHE_SWITCH } = await import('../store/modelCache.js');
  process.env[CACHE_SWITCH] = 'off';
}
