/** Loads the library of a step into this process. */
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { inFolder, PlaceError, placesOf, type Places } from './places.js';

/** What a library offers (addon.h). */
export interface Library {
  open(constants: Uint8Array, threads: number): object;
  write(handle: object, offsetBytes: number, values: ArrayBufferView): void;
  read(handle: object, offsetBytes: number, values: ArrayBufferView): void;
  run(
    handle: object,
    steps: number,
    perStep: readonly ArrayBufferView[],
    results: readonly ArrayBufferView[],
  ): void;
  close(handle: object): void;
}

/** Loads a library; its file is gone afterwards, since the process keeps what it has loaded. */
export async function loadLibrary(bytes: Uint8Array, places: Places = placesOf(undefined)): Promise<Library> {
  return inFolder(places, 'load a library from', (folder) => {
    const path = join(folder, 'step.node');
    writeFileSync(path, bytes, { mode: 0o700 });
    const module = { exports: {} };
    try {
      process.dlopen(module, path, constants.dlopen.RTLD_NOW);
    } catch (error) {
      throw new PlaceError((error as Error).message, { cause: error });
    }
    return module.exports as Library;
  });
}
