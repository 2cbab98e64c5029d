/** What isoloss needs of a machine apart from engines: Node, SQLite, memory, disk. */
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { cpuModel } from '../../engine/cpu.js';
import { packageVersion } from '../../store/version.js';

export interface Finding {
  readonly about: string;
  /** `warning`: works, and may not for long. `problem`: something of isoloss does not work. */
  readonly status: 'ok' | 'warning' | 'problem';
  readonly text: string;
}

const GIB = 2 ** 30;
/** A checkpoint of a small model is some megabytes, and a sweep has hundreds of runs. */
const ENOUGH_DISK = 2 * GIB;
const ENOUGH_MEMORY = 2 * GIB;
const OLDEST_NODE: readonly [number, number] = [20, 19];

const gib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`;

export async function checkMachine(resultsDir: string): Promise<Finding[]> {
  return [
    checkNode(process.versions.node),
    await checkSqlite(),
    ...checkHardware(),
    ...checkFolder(resultsDir),
  ];
}

/** @param version such as `20.19.0` */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldest, oldestMinor] = OLDEST_NODE;
  const old = major < oldest || (major === oldest && minor < oldestMinor);
  const text = `Node ${version}, isoloss ${packageVersion()}, ${process.platform} ${process.arch}`;
  if (!old) return { about: 'Node', status: 'ok', text };
  const needed = OLDEST_NODE.join('.');
  return { about: 'Node', status: 'problem', text: `${text}; isoloss needs Node ${needed} or newer` };
}

/** Opens a database in memory: the binding is compiled for one version of Node, and does not load in another. */
async function checkSqlite(): Promise<Finding> {
  const about = 'SQLite';
  try {
    const { Sqlite } = await import('../../store/sqlite.js');
    const database = new Sqlite(':memory:');
    const version = database.prepare('select sqlite_version()').pluck().get() as string;
    database.close();
    return { about, status: 'ok', text: `${version} by better-sqlite3` };
  } catch (error) {
    const message = (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
    const text = `better-sqlite3 does not load (${message}): npm ci again, under the Node that you use`;
    return { about, status: 'problem', text };
  }
}

function checkHardware(): Finding[] {
  const memory = process.constrainedMemory();
  // Without a limit Node gives 0, or a number above all memory there is.
  const bytes = memory > 0 ? Math.min(memory, totalmem()) : totalmem();
  return [
    { about: 'CPU', status: 'ok', text: `${cpuModel()}, ${availableParallelism()} cores for this process` },
    {
      about: 'memory',
      status: bytes < ENOUGH_MEMORY ? 'warning' : 'ok',
      text: `${gib(bytes)}${bytes < ENOUGH_MEMORY ? '; a worker takes about 0.6 GiB' : ''}`,
    },
  ];
}

/** Room and permission where results go; a folder that is not there yet is made by its first run. */
function checkFolder(resultsDir: string): Finding[] {
  let folder = resolve(resultsDir);
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const room: Finding = {
    about: 'disk',
    status: free < ENOUGH_DISK ? 'warning' : 'ok',
    text: `${gib(free)} free for ${resolve(resultsDir)}`,
  };
  try {
    accessSync(folder, constants.W_OK);
    return [room];
  } catch {
    return [room, { about: 'results', status: 'problem', text: `no permission to write to ${folder}` }];
  }
}
