/** The C compiler of this system: where it is, and what it calls itself. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { platform } from 'node:os';
import { resolve } from 'node:path';
import { EngineError } from '../engineError.js';

export interface Compiler {
  /** The program and what it is always given. */
  readonly command: readonly [string, ...string[]];
  /** What it calls itself, and options that CC adds. */
  readonly version: string;
}

/** What is tried where CC names nothing. */
const USUAL_COMPILERS = ['cc', 'gcc', 'clang'];

const found = new Map<string, Compiler>();

/**
 * A C compiler, with options if it needs some: that of `$CC`, or else the system's.
 * @throws EngineError where there is none
 */
export function findCompiler(line: string = process.env['CC']?.trim() ?? ''): Compiler {
  const known = found.get(line);
  if (known !== undefined) return known;
  if (platform() === 'win32')
    throw new EngineError(
      'The engine native:cpu is there on Linux and macOS, not on Windows: choose --engine onnx:cpu.',
    );
  const lines = line === '' ? USUAL_COMPILERS : [line];
  let failure: unknown;
  for (const each of lines) {
    try {
      const compiler = askCompiler(commandOf(each));
      found.set(line, compiler);
      return compiler;
    } catch (error) {
      failure ??= error;
    }
  }
  throw new EngineError(
    `The engine native:cpu needs a C compiler, and \`${lines[0]!}\` can't be run: install gcc or clang (Debian: build-essential; ` +
      `macOS: xcode-select --install), or name one in CC; or choose --engine onnx:cpu. (${reasonOf(failure)})`,
    { cause: failure },
  );
}

function commandOf(text: string): [string, ...string[]] {
  // A path may have spaces in it; what is compiled is compiled in another folder.
  if (text.includes('/') && existsSync(text)) return [resolve(text)];
  const [program, ...options] = text.split(/\s+/) as [string, ...string[]];
  return [program.includes('/') ? resolve(program) : program, ...options];
}

function askCompiler(command: readonly [string, ...string[]]): Compiler {
  const [program, ...options] = command;
  const said = execFileSync(program, [...options, '--version'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  // gcc begins with the name that it was called by, be it cc or gcc-12.
  const name = said
    .trim()
    .split('\n')[0]!
    .trim()
    .replace(/^\S+(?= \()/, 'gcc');
  if (name === '') throw new Error('It does not say its version.');
  return { command, version: [name, ...options.filter((option) => option.startsWith('-'))].join(' ') };
}

function reasonOf(error: unknown): string {
  const { code, status } = error as { code?: string; status?: number | null };
  if (code === 'ENOENT') return 'There is no such program.';
  if (code === 'EACCES') return 'It may not be executed.';
  return typeof status === 'number'
    ? `With --version it ended with status ${status}.`
    : (error as Error).message;
}
