/** Calls of functions that a user wrote: whatever they throw becomes an error that says in which file and line. */
import { callSite, shortPath, STACK_FRAMES } from '../ops/callSite.js';
import { ModelError } from './error.js';

/** Names that the loader gives to imports: `(0 , _ops.geglu)` is `geglu`, `_ops.tf.rellu` is `tf.rellu`. */
const cleaned = (message: string): string =>
  message.replaceAll(/\(0 ?, ?_\w+?\.([\w.]+)\)/g, '$1').replaceAll(/\b_[A-Za-z]\w*?\.(?=[A-Za-z])/g, '');

/** What is missing where something "is not a function". */
const HINT =
  ' (is the name right, and is it exported by what it is imported from? docs/operations.md lists the operations)';

/**
 * @param file of the variant, named where the stack does not tell a line
 * @param what the function, such as `logits()`
 * @throws ModelError with the message, and where it arose
 */
export function inUserCode<T>(file: string, what: string, call: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = Math.max(stackTraceLimit, STACK_FRAMES);
  const restore = guardProcess();
  try {
    return call();
  } catch (error) {
    throw located(error, file, what);
  } finally {
    restore();
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/**
 * While user code runs, what it logs goes to standard error, since standard output is for results that programs read, and
 * `process.exit()` is an error: it would end the program, or a worker, as if all were done.
 *
 * @returns what undoes it
 */
export function guardProcess(): () => void {
  const { log, info, debug } = console;
  const exit = Object.getOwnPropertyDescriptor(process, 'exit')!;
  Object.assign(console, { log: console.error, info: console.error, debug: console.error });
  process.exit = () => {
    throw new Error('process.exit() was called, which would end isoloss');
  };
  return () => {
    Object.assign(console, { log, info, debug });
    Object.defineProperty(process, 'exit', exit);
  };
}

/** The error with its place in the user's files, once. */
export function located(error: unknown, file: string, what: string): ModelError {
  if (error instanceof ModelError) return error;
  if (!(error instanceof Error))
    return new ModelError(`${what} of ${shortPath(file)} threw ${String(error)}`);
  const { place } = callSite(error.stack ?? '');
  const hint = /is not a (?:function|constructor)$/.test(error.message) ? HINT : '';
  const where = place === null ? `${what} of ${shortPath(file)}` : `at ${place}`;
  return new ModelError(`${cleaned(error.message)}${hint} (${where})`, { cause: error });
}
