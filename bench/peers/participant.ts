/** One side of the comparison: a process, or several at once, that trains as many steps as it is asked for. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { PeerCase } from './case.js';

export interface Answer {
  readonly seconds: number;
  readonly losses: readonly number[];
  /** Most memory that the process has held so far. */
  readonly peakBytes: number;
}

export interface Participant {
  readonly name: string;
  /** Trains so many steps in each process, all processes at the same time. */
  readonly train: (steps: number) => Promise<readonly Answer[]>;
  readonly stop: () => void;
}

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Names of all sides in the order of the table, ours first. */
export const SIDES = ['isoloss', 'torch', 'torch.compile', 'jax'] as const;
export type Side = (typeof SIDES)[number];

const COMMANDS: Readonly<Record<Side, (folder: string, benchCase: PeerCase) => readonly [string, string[]]>> =
  {
    isoloss: (_, benchCase) => [
      process.execPath,
      ['--import', 'jiti/register', file('ours.ts'), JSON.stringify(benchCase)],
    ],
    torch: (folder) => ['python3', [file('torch_peer.py'), folder, 'eager']],
    'torch.compile': (folder) => ['python3', [file('torch_peer.py'), folder, 'compile']],
    jax: (folder) => ['python3', [file('jax_peer.py'), folder]],
  };

/** The environment in which Python finds the peers. */
export function peerEnvironment(): NodeJS.ProcessEnv {
  const { ISOLOSS_PEERS: peers, PYTHONPATH: path } = process.env;
  return { ...process.env, PYTHONPATH: [peers, path].filter((part) => part !== undefined).join(':') };
}

function answering(child: ChildProcessWithoutNullStreams, name: string): (steps: number) => Promise<Answer> {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let complaints = '';
  child.stderr.on('data', (text: Buffer) => (complaints += text.toString()));
  return async (steps) => {
    child.stdin.write(`${JSON.stringify({ steps })}\n`);
    const line = await lines.next();
    if (line.done === true) throw new Error(`${name} ended:\n${complaints.trim().slice(-2000)}`);
    return JSON.parse(line.value) as Answer;
  };
}

/** Starts one side of a case in so many processes, each with the case's number of threads. */
export function startParticipant(
  name: Side,
  folder: string,
  benchCase: PeerCase,
  processes: number,
): Participant {
  const [command, args] = COMMANDS[name](folder, benchCase);
  const env = { ...peerEnvironment(), OMP_NUM_THREADS: String(benchCase.threads) };
  const children = Array.from({ length: processes }, () => spawn(command, args, { env }));
  const askers = children.map((child) => answering(child, name));
  return {
    name,
    train: (steps) => Promise.all(askers.map((ask) => ask(steps))),
    stop: () => children.forEach((child) => child.kill()),
  };
}
