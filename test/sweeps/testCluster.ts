/** A real Slurm for tests: the one that SLURM_CONF names, or one of a single node that a script in ISOLOSS_SHARED starts. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface TestCluster {
  /** What programs need to reach it. */
  readonly env: { readonly SLURM_CONF: string };
  readonly stop: () => void;
}

const SCRIPT = resolve(
  process.env['ISOLOSS_SHARED'] ?? fileURLToPath(new URL('../../../shared', import.meta.url)),
  'slurm/start-test-cluster',
);

/** @returns the cluster, or why there is none */
export function startTestCluster(): TestCluster | string {
  const given = process.env['SLURM_CONF'];
  if (given !== undefined && answers(given)) return { env: { SLURM_CONF: given }, stop: () => undefined };
  if (!existsSync(SCRIPT)) return `there is no ${SCRIPT} (ISOLOSS_SHARED)`;
  if (!isInstalled('slurmctld'))
    return 'slurmctld is not installed (the script installs it when it is run by hand)';
  const folder = mkdtempSync(join(tmpdir(), 'isoloss-slurm-'));
  try {
    execFileSync(SCRIPT, [folder], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    return `the cluster did not start: ${String((error as { stderr?: Buffer }).stderr ?? error)}`;
  }
  const conf = join(folder, 'slurm.conf');
  return {
    env: { SLURM_CONF: conf },
    stop: () => {
      execFileSync('scontrol', ['shutdown'], { env: { ...process.env, SLURM_CONF: conf } });
      process.kill(Number(readFileSync(join(folder, 'munged.pid'), 'utf8')));
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
    },
  };
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
