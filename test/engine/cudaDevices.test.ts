/** Which GPUs a process may use, by what the driver lists and what the environment says. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { installedGpus, visibleCudaDevices } from '../../src/engine/cudaDevices.js';

const UUIDS = ['GPU-6a1c4f2e-0000', 'GPU-7b2d5030-1111', 'GPU-8c3e6141-2222'];
const GPUS = UUIDS.map((uuid, index) => ({ index, uuid, name: 'NVIDIA H100 80GB HBM3', memoryBytes: 8e10 }));

const ids = (visible?: string): string[] =>
  visibleCudaDevices(visible === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible }, GPUS).map(
    ({ id }) => id,
  );

describe('the GPUs that CUDA shows', () => {
  it('are all, by their UUIDs, where nothing is said', () => {
    expect(ids()).toEqual(UUIDS);
  });

  it('are those that CUDA_VISIBLE_DEVICES names, up to the first that does not exist', () => {
    expect(ids('2,0')).toEqual(['2', '0']);
    expect(ids('GPU-7b, GPU-6a1c4f2e-0000')).toEqual(['GPU-7b', 'GPU-6a1c4f2e-0000']);
    expect(ids('1,7,0')).toEqual(['1']);
    expect(ids('')).toEqual([]);
    expect(ids('-1')).toEqual([]);
    expect(ids('NoDevFiles')).toEqual([]);
    expect(ids('MIG-11,MIG-12')).toEqual(['MIG-11', 'MIG-12']);
    expect(visibleCudaDevices({ CUDA_VISIBLE_DEVICES: '1' }, GPUS)[0]!.name).toBe('NVIDIA H100 80GB HBM3');
  });
});

describe.skipIf(process.platform === 'win32')('the GPUs of the machine', () => {
  const withNvidiaSmi = (script: string | null): void => {
    const folder = mkdtempSync(join(tmpdir(), 'isoloss-gpus-'));
    if (script !== null) {
      writeFileSync(join(folder, 'nvidia-smi'), `#!/bin/sh\n${script}\n`);
      chmodSync(join(folder, 'nvidia-smi'), 0o755);
    }
    vi.stubEnv('PATH', folder);
    onTestFinished(() => {
      vi.unstubAllEnvs();
      rmSync(folder, { recursive: true });
    });
  };

  it('are what nvidia-smi lists', () => {
    withNvidiaSmi('echo "0, GPU-6a1c, 81920, NVIDIA A100-SXM4-80GB"; echo "1, GPU-7b2d, 15360, NVIDIA T4"');
    expect(installedGpus()).toEqual([
      { index: 0, uuid: 'GPU-6a1c', name: 'NVIDIA A100-SXM4-80GB', memoryBytes: 80 * 2 ** 30 },
      { index: 1, uuid: 'GPU-7b2d', name: 'NVIDIA T4', memoryBytes: 15 * 2 ** 30 },
    ]);
  });

  it('are none where there is no driver, or it does not answer as it should', () => {
    withNvidiaSmi(null);
    expect(installedGpus()).toEqual([]);
    withNvidiaSmi('echo "NVIDIA-SMI has failed because it couldn\'t communicate with the driver"; exit 9');
    expect(installedGpus()).toEqual([]);
  });
});
