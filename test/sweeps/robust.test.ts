/**
 * The built program with real models where the machine lets it down: full disk, read-only folder, damaged checkpoint,
 * jumping clock, a worker that gets no more memory. Each cause is named, and the next start ends with the same bits.
 */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listRuns, metricsPath, readRunRecord } from '../../src/store/runDirectory.js';
import { childrenOf } from './disturbances.js';
import { memoryGroup } from './memoryGroup.js';
import {
  IS_BUILT,
  isoloss,
  outcomeOf,
  rowsOnDisk,
  type RunningProgram,
  runToEnd,
  startProgram,
  sweepHead,
  tinyFolder,
} from './program.js';

const isLinux = process.platform === 'linux';
const isRoot = process.getuid?.() === 0;

function works(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!IS_BUILT)('a sweep (needs `npm run build`)', { timeout: 60_000 }, () => {
  let folder: string;
  let expected: ReturnType<typeof outcomeOf>;
  beforeAll(async () => {
    folder = tinyFolder([0], 2.5e9);
    await runToEnd(folder, 'undisturbed');
    expected = outcomeOf(join(folder, 'undisturbed'));
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start = (results: string, options: Parameters<typeof startProgram>[2] = {}): RunningProgram =>
    startProgram(folder, ['run', 'tiny.yaml', '--results', results], options);

  /** The next start of a disturbed sweep ends as if nothing had been. */
  const expectSameBits = async (results: string): Promise<string> => {
    const output = await runToEnd(folder, results);
    expect(outcomeOf(join(folder, results))).toEqual(expected);
    return output;
  };

  it.skipIf(!isLinux)('on a full disk stops, says so, and goes on when there is room', async (context) => {
    const results = join(folder, 'full');
    mkdirSync(results);
    if (!works('mount', '-t', 'tmpfs', '-o', 'size=250k', 'tmpfs', results)) {
      context.skip('a file system of its own can not be mounted here');
    }
    try {
      const { exit, output } = start('full');
      expect(await exit).toBe(1);
      expect(output()).toMatch(/can't go on: the disk that holds the results is full \(ENOSPC/);
      expect(await isoloss(folder, 'status', '--results', 'full')).toMatch(
        /[12] interrupted.*The disk that holds full is full/s,
      );
      expect(works('mount', '-o', 'remount,size=20m', results)).toBe(true);
      await expectSameBits('full');
    } finally {
      execFileSync('umount', [results]);
    }
  });

  it.skipIf(!isLinux)('names a limit on file sizes', async () => {
    const { exit, output } = start('limited', { prefix: ['bash', '-c', 'ulimit -f 24; exec "$@"', 'limit'] });
    expect(await exit).toBe(1);
    expect(output()).toMatch(
      /can't go on: a file of the results has reached the largest size allowed \(ulimit -f\)/,
    );
    expect(await isoloss(folder, 'status', '--results', 'limited')).toMatch(
      /interrupted .* a file of the results has reached the largest size allowed/,
    );
    await expectSameBits('limited');
    const causes = listRuns(join(folder, 'limited'), 'tiny').flatMap(
      ({ directory }) => readRunRecord(directory)!.execution!.interruptions ?? [],
    );
    expect(causes).toContainEqual({
      step: expect.any(Number) as number,
      cause: expect.stringContaining('largest size allowed') as string,
    });
  });

  it.skipIf(!isLinux)('names a folder that can not be written', async (context) => {
    const results = join(folder, 'closed');
    mkdirSync(results);
    if (isRoot) {
      if (!works('mount', '-t', 'tmpfs', '-o', 'ro', 'tmpfs', results))
        context.skip('nothing can be mounted here');
    } else chmodSync(results, 0o555);
    try {
      const { exit, output } = start('closed');
      expect(await exit).not.toBe(0);
      expect(output()).toMatch(/EROFS: read-only file system|EACCES: permission denied/);
      expect(output()).toContain(results);
    } finally {
      if (isRoot) execFileSync('umount', [results]);
      else chmodSync(results, 0o755);
    }
    await expectSameBits('closed');
  });

  it('says that a checkpoint is damaged, and goes on from the one before or from the start; cuts a torn row', async () => {
    const results = join(folder, 'damaged');
    const stopped = start('damaged');
    while (rowsOnDisk(results) < 50) await sleep(5);
    stopped.child.kill('SIGINT');
    await stopped.exit;
    const checkpoints = listRuns(results, 'tiny').flatMap(({ directory }) =>
      readdirSync(directory)
        .filter((name) => name.startsWith('checkpoint.'))
        .map((name) => join(directory, name)),
    );
    expect(checkpoints.length).toBeGreaterThan(0);
    for (const [index, path] of checkpoints.entries()) {
      const bytes = readFileSync(path);
      bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
      writeFileSync(path, index % 2 === 0 ? bytes : bytes.subarray(0, bytes.length / 2));
    }
    for (const { directory } of listRuns(results, 'tiny'))
      appendFileSync(metricsPath(directory), '{"kind":"train","step":9');
    const output = await expectSameBits('damaged');
    expect(output).toMatch(/note: \S+ d8 .*checkpoint\.safetensors can't be used: /);
  });

  it('trains the same while the clock jumps', async () => {
    const clock = join(folder, 'clock.mjs');
    writeFileSync(
      clock,
      `const RealDate = Date;
let calls = 0;
const now = () => RealDate.now() + (calls++ % 3 - 1) * 40 * 86400e3;
globalThis.Date = class extends RealDate {
  constructor(...args) { if (args.length === 0) super(now()); else super(...args); }
  static now() { return now(); }
};
`,
    );
    const { exit, output } = start('jumping', {
      env: { NODE_OPTIONS: `--import=${pathToFileURL(clock).href}` },
    });
    expect(await exit, output()).toBe(0);
    expect(outcomeOf(join(folder, 'jumping'))).toEqual(expected);
    for (const { directory } of listRuns(join(folder, 'jumping'), 'tiny')) {
      const seconds = readFileSync(join(directory, 'metrics.jsonl'), 'utf8')
        .split('\n')
        .flatMap((line) =>
          line.includes('wallSeconds') ? [(JSON.parse(line) as { wallSeconds: number }).wallSeconds] : [],
        );
      expect(seconds).toEqual([...seconds].sort((a, b) => a - b));
      expect(seconds.at(-1)).toBeLessThan(60);
    }
  });

  it.skipIf(!isLinux)('names the kernel where it kills a worker for its memory', async (context) => {
    const group = memoryGroup(2 ** 20);
    if (group === null) context.skip('no control group with a memory limit can be made here');
    try {
      const results = join(folder, 'oom');
      const { child, exit, output } = start('oom');
      while (rowsOnDisk(results) < 20) await sleep(5);
      for (const pid of childrenOf(child.pid!)) group!.put(pid);
      expect(await exit, output()).toBe(0);
      expect(output()).toMatch(
        /trying again: .*was killed by the kernel, since memory ran out; fewer workers/,
      );
      expect(outcomeOf(results)).toEqual(expected);
      const causes = listRuns(results, 'tiny').flatMap(
        ({ directory }) => readRunRecord(directory)!.execution!.interruptions ?? [],
      );
      expect(causes.map(({ cause }) => cause).join()).toContain('by the kernel, since memory ran out');
    } finally {
      await group?.remove();
    }
  });

  it.skipIf(!isLinux || !works('prlimit', '--version'))(
    'names what ends a worker that gets no memory, and trains the run in another worker',
    async () => {
      // A long run of a small model, then a model that needs megabytes which the worker does not get any more.
      writeFileSync(
        join(folder, 'memory.yaml'),
        `${sweepHead('memory')}learningRate: { base: 0.01, referenceWidth: 64 }
sizes:
  d8: { dModel: 8, nLayers: 1, nHeads: 2 }
  d128: { dModel: 128, nLayers: 2, nHeads: 2 }
cells:
  - architectures: [transformer]
    budgets:
      - { flops: 2.5e9, sizes: [d8] }
      - { flops: 1e9, sizes: [d128] }
workers: 1
`,
      );
      await isoloss(folder, 'run', 'memory.yaml', '--results', 'memory-enough');
      const { child, exit, output } = startProgram(folder, ['run', 'memory.yaml', '--results', 'memory']);
      while (rowsOnDisk(join(folder, 'memory'), 'memory') < 20) await sleep(5);
      for (const pid of childrenOf(child.pid!))
        execFileSync('prlimit', ['--pid', String(pid), '--as=1000000', '--data=1000000']);
      expect(await exit, output()).toBe(0);
      expect(outcomeOf(join(folder, 'memory'), 'memory')).toEqual(
        outcomeOf(join(folder, 'memory-enough'), 'memory'),
      );
      // Whatever asks first is refused: the engine and V8 say so, native code that does not look ends by a signal.
      expect(output()).toMatch(
        /trying again: .*((could get no more|ran out of JavaScript) memory|was ended by SIG(SEGV|ABRT|TRAP|ILL))/,
      );
    },
  );
});
