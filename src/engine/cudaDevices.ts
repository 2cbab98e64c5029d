/** The NVIDIA GPUs that this process may use, and how a child process is bound to one of them. */
import { execFileSync } from 'node:child_process';

/** A GPU as `CUDA_VISIBLE_DEVICES` names it. */
export interface CudaDevice {
  readonly id: string;
  /** The maker's name, such as `NVIDIA H100 80GB HBM3`; null where the driver does not tell. */
  readonly name: string | null;
  /** All of its memory; null where the driver does not tell. */
  readonly memoryBytes: number | null;
}

/** What `nvidia-smi` lists: every GPU of the machine, whatever the environment says. */
export interface InstalledGpu {
  readonly index: number;
  readonly uuid: string;
  readonly name: string;
  readonly memoryBytes: number;
}

/** The GPUs of the machine; none where there is no driver. */
export function installedGpus(): InstalledGpu[] {
  try {
    const query = ['--query-gpu=index,uuid,memory.total,name', '--format=csv,noheader,nounits'];
    const answer = execFileSync('nvidia-smi', query, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 20_000,
    });
    return answer.split('\n').flatMap((line) => {
      const [index = '', uuid = '', mebibytes = '', ...name] = line.split(', ');
      if (!/^\d+$/.test(index)) return [];
      const memoryBytes = Number(mebibytes) * 2 ** 20;
      return [{ index: Number(index), uuid, name: name.join(', ').trim(), memoryBytes }];
    });
  } catch {
    return [];
  }
}

/**
 * The GPUs that CUDA shows to this process, in its order. `CUDA_VISIBLE_DEVICES`, which Slurm and containers set, is
 * followed as CUDA does: indices or (beginnings of) UUIDs, up to the first that does not exist.
 */
export function visibleCudaDevices(
  environment: NodeJS.ProcessEnv = process.env,
  installed: readonly InstalledGpu[] = installedGpus(),
): CudaDevice[] {
  const visible = environment['CUDA_VISIBLE_DEVICES'];
  if (visible === undefined)
    return installed.map(({ uuid, name, memoryBytes }) => ({ id: uuid, name, memoryBytes }));
  const devices: CudaDevice[] = [];
  for (const id of visible.split(',').map((part) => part.trim())) {
    const gpu = installed.find(({ index, uuid }) =>
      /^\d+$/.test(id) ? index === Number(id) : id.startsWith('GPU-') && uuid.startsWith(id),
    );
    // Parts of a GPU (MIG) are not in that list; they are taken at their word.
    if (gpu === undefined && !id.startsWith('MIG-')) break;
    devices.push({ id, name: gpu?.name ?? null, memoryBytes: gpu?.memoryBytes ?? null });
  }
  return devices;
}

/** Environment of a process that is to see one GPU alone. */
export const boundTo = (id: string): NodeJS.ProcessEnv => ({
  CUDA_VISIBLE_DEVICES: id,
  // Indices mean what nvidia-smi says, not the order of speed.
  CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
});
