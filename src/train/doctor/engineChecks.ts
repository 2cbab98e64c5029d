/** Whether each engine is here, and whether its losses are those of the reference. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ENGINE_NAMES, ENGINES, type EngineName, type Precision } from '../../engine/engineNames.js';
import type { EngineInfo } from '../../engine/executable.js';
import type { FromCheck } from './checkProcess.js';

/** Largest relative difference of a loss from the reference's, over all steps. */
export const TOLERANCE: Readonly<Record<Precision, number>> = { f32: 1e-4, bf16: 2e-2, f16: 2e-2 };
export const REFERENCE: EngineName = 'tfjs:cpu';

/** Software adapters take seconds a step. */
const SECONDS_AT_MOST = 300;

export interface PrecisionCheck {
  readonly precision: Precision;
  /** Largest relative difference from the reference; null where the device has not got this precision. */
  readonly difference: number | null;
  readonly agrees: boolean | null;
  /** Why there is no difference. */
  readonly reason: string | null;
}

export interface EngineCheck {
  readonly engine: EngineName;
  readonly summary: string;
  readonly needs: string | null;
  readonly packages: readonly string[];
  /** `unavailable`: can't be used here, which is no fault unless it is wanted. `failed`: is here and does not work. */
  readonly status: 'agrees' | 'disagrees' | 'unavailable' | 'failed';
  readonly info: EngineInfo | null;
  readonly precisions: readonly PrecisionCheck[];
  readonly reason: string | null;
}

interface Said {
  readonly messages: readonly FromCheck[];
  /** How the process ended, where not as it should. */
  readonly ending: string | null;
}

/**
 * Checks engines one after the other, each in a process of its own.
 * @param onCheck told of each engine before it is tried
 */
export async function checkEngines(
  names: readonly EngineName[] = ENGINE_NAMES,
  onCheck: (name: EngineName) => void = () => undefined,
): Promise<EngineCheck[]> {
  onCheck(REFERENCE);
  const reference = await ask(REFERENCE);
  const expected = lossesOf(reference.messages, 'f32');
  const checks: EngineCheck[] = [];
  for (const name of names) {
    if (name !== REFERENCE) onCheck(name);
    checks.push(judge(name, name === REFERENCE ? reference : await ask(name), expected));
  }
  return checks;
}

const lossesOf = (messages: readonly FromCheck[], precision: Precision): readonly number[] | null =>
  messages.flatMap((message) =>
    message.kind === 'losses' && message.precision === precision ? [message.losses] : [],
  )[0] ?? null;

/** What an engine's process said, compared with the losses of the reference. */
export function judge(
  name: EngineName,
  { messages, ending }: Said,
  expected: readonly number[] | null,
): EngineCheck {
  const { summary, needs, packages } = ENGINES[name];
  const facts = { engine: name, summary, needs, packages };
  const info = messages.flatMap((message) => (message.kind === 'opened' ? [message.info] : []))[0] ?? null;
  const precisions = messages.flatMap((message): PrecisionCheck[] => {
    if (message.kind === 'refused')
      return [{ precision: message.precision, difference: null, agrees: null, reason: message.reason }];
    if (message.kind !== 'losses') return [];
    const difference = expected === null ? NaN : largestDifference(message.losses, expected);
    const agrees = difference <= TOLERANCE[message.precision];
    return [{ precision: message.precision, difference, agrees, reason: null }];
  });
  const said = messages.flatMap((message) =>
    message.kind === 'unavailable' || message.kind === 'failed' ? [message] : [],
  )[0];
  const reason = said?.reason ?? ending;
  // A library that ends the process before it is open is as good as none.
  const failed = said?.kind === 'failed' || (ending !== null && info !== null);
  const status = failed
    ? 'failed'
    : reason !== null
      ? 'unavailable'
      : precisions.every(({ agrees }) => agrees !== false)
        ? 'agrees'
        : 'disagrees';
  return { ...facts, status, info, precisions, reason };
}

function largestDifference(actual: readonly number[], expected: readonly number[]): number {
  if (actual.length !== expected.length) return NaN;
  const differences = actual.map((loss, i) => Math.abs(loss / expected[i]! - 1));
  // Math.max of a NaN is NaN, which agrees with nothing.
  return Math.max(...differences);
}

async function ask(name: EngineName): Promise<Said> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const script = fileURLToPath(new URL(`./checkProcess.${extension}`, import.meta.url));
  const child = fork(script, [name], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const messages: FromCheck[] = [];
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-2000);
    if (process.env['ISOLOSS_DEBUG']) process.stderr.write(chunk);
  });
  child.on('message', (message) => messages.push(message as FromCheck));
  const timer = setTimeout(() => child.kill('SIGKILL'), SECONDS_AT_MOST * 1000);
  return new Promise((resolve) => {
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve({ messages, ending: error.message });
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const last = stderr.trim().split('\n').at(-1) ?? '';
      const how =
        signal === 'SIGKILL'
          ? `took longer than ${SECONDS_AT_MOST} s`
          : `ended with ${signal ?? `code ${code}`}`;
      resolve({
        messages,
        ending: code === 0 ? null : `its process ${how}${last === '' ? '' : `: ${last}`}`,
      });
    });
  });
}
