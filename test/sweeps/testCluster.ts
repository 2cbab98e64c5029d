/**
 * A real Slurm for tests: the one that SLURM_CONF names, or one of a single node that a script in ISOLOSS_SHARED starts,
 * with two made-up GPUs and a partition whose jobs preempt those of the others.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface TestCluster {
  /** What programs need to reach it. */
  readonly env: { readonly SLURM_CONF: string };
  /** Whether it has the made-up GPUs and the partition `urgent`. */
  readonly isOwn: boolean;
  readonly stop: () => void;
}

const SCRIPT = resolve(
  process.env['ISOLOSS_SHARED'] ?? fileURLToPath(new URL('../../../shared', import.meta.url)),
  'slurm/start-test-cluster',
);

/** @returns the cluster, or why there is none */
export function startTestCluster(): TestCluster | string {
  const given = process.env['SLURM_CONF'];
  if (given !== undefined && answers(given))
    return { env: { SLURM_CONF: given }, isOwn: false, stop: () => undefined };
  if (!existsSync(SCRIPT)) return `there is no ${SCRIPT} (ISOLOSS_SHARED)`;
  if (process.getuid?.() !== 0) return 'only root can start a cluster';
  if (
    !isInstalled('slurmctld') &&
    process.env['CI'] === undefined &&
    process.env['ISOLOSS_SHARED'] === undefined
  )
    return `slurmctld is not installed; ${SCRIPT} installs it, by hand or where ISOLOSS_SHARED is set`;
  const folder = mkdtempSync(join(tmpdir(), 'isoloss-slurm-'));
  try {
    execFileSync(SCRIPT, [folder], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 });
    extend(folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    return `the cluster did not start: ${String((error as { stderr?: Buffer }).stderr ?? error)}`;
  }
  const conf = join(folder, 'slurm.conf');
  return {
    env: { SLURM_CONF: conf },
    isOwn: true,
    stop: () => {
      shutDown(folder);
      process.kill(Number(readFileSync(join(folder, 'munged.pid'), 'utf8')));
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
    },
  };
}

function slurm(conf: string, command: string, ...args: string[]): string {
  return execFileSync(command, args, {
    env: { ...process.env, SLURM_CONF: conf },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: 30_000,
  });
}

/** Starts the daemons again with GPUs that are none, and with preemption. */
function extend(folder: string): void {
  const conf = join(folder, 'slurm.conf');
  const text = readFileSync(conf, 'utf8')
    .replace(
      /^(AuthType=.*)$/m,
      '$1\nGresTypes=gpu\nPreemptType=preempt/partition_prio\nPreemptMode=REQUEUE\nKillWait=5',
    )
    .replace(/ State=UNKNOWN/, ' Gres=gpu:2 State=UNKNOWN')
    .replace(
      /^(PartitionName=main .*)$/m,
      '$1 PriorityTier=1\nPartitionName=urgent Nodes=ALL State=UP PriorityTier=9',
    );
  const gpu = (file: string): string => `NodeName=${hostname()} Name=gpu File=${file}\n`;
  shutDown(folder);
  writeFileSync(join(folder, 'gres.conf'), gpu('/dev/null') + gpu('/dev/zero'));
  writeFileSync(conf, text);
  slurm(conf, 'slurmctld', '-f', conf);
  until(() => answers(conf));
  slurm(conf, 'slurmd', '-f', conf);
  until(() => slurm(conf, 'sinfo', '-h', '-t', 'idle', '-o', '%n').trim() !== '');
}

/** Returns when the daemons are gone, so that they write no more to the folder. */
function shutDown(folder: string): void {
  slurm(join(folder, 'slurm.conf'), 'scontrol', 'shutdown');
  until(() => ['slurmctld.pid', 'slurmd.pid'].every((name) => !existsSync(join(folder, name))));
}

/** @throws Error where it does not come true within 30 s */
function until(condition: () => boolean): void {
  for (let tries = 0; !condition(); tries++) {
    if (tries === 150) throw new Error(`${condition.toString()} did not come true`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

function isInstalled(command: string): boolean {
  try {
    execFileSync('which', [command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function answers(conf: string): boolean {
  try {
    execFileSync('sinfo', ['-h'], {
      env: { ...process.env, SLURM_CONF: conf },
      stdio: 'ignore',
      timeout: 10_000,
    });
    return true;
  } catch {
    return false;
  }
}
