/** Where in the user's own files something happened, and through which function of TensorFlow.js, read from a stack. */
import { isAbsolute, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of this program's own code. */
const OWN = fileURLToPath(new URL('../', import.meta.url));

/** Frames that a stack needs to reach the user's code through TensorFlow.js: its layers and losses call many of its own. */
export const STACK_FRAMES = 80;

export interface CallSite {
  /** `file:line:column`, the file relative to the working directory where it lies below it; null where no such file is on the stack. */
  readonly place: string | null;
  /** The function of TensorFlow.js that the user's code called, such as `tf.pool`, whatever it calls itself. */
  readonly called: string | null;
}

/** A frame is `at name (file:line:column)` or `at file:line:column`. */
const FRAME = /^\s+at (?:async )?(?:(.*?) \()?(?:async )?([^()]+|.*?):(\d+):(\d+)\)?$/;
/** Functions of TensorFlow.js end so: its operations, and those that are asynchronous. */
const OPERATION = /(?:^|[.\s])(\w+?)(?:__op|(?<=Async)_)(?:\s|$)/;

const pathOf = (file: string): string => (file.startsWith('file:') ? fileURLToPath(file) : file);

const isInternal = (file: string): boolean =>
  !isAbsolute(file) ||
  file.startsWith(OWN) ||
  file.includes('/node_modules/') ||
  file.includes('\\node_modules\\');

/** @param stack of an error, with at least {@link STACK_FRAMES} frames where it has so many */
export function callSite(stack: string): CallSite {
  let called: string | null = null;
  for (const line of stack.split('\n')) {
    const [, name = '', location, row, column] = FRAME.exec(line) ?? [];
    if (location === undefined) continue;
    const file = pathOf(location);
    if (!isInternal(file)) return { place: `${shortPath(file)}:${row}:${column}`, called };
    const operation = OPERATION.exec(name)?.[1];
    if (operation !== undefined) called = `tf.${operation}`;
  }
  return { place: null, called };
}

/** As people would type it: relative to the working directory where the file lies below it. */
export function shortPath(file: string): string {
  const path = relative(process.cwd(), file);
  return path === '' || path.startsWith('..') || isAbsolute(path) ? file : path;
}
