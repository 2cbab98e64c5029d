/** The name of this machine's GPU, as far as the system tells it without any library. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const NVIDIA = '/proc/driver/nvidia/gpus';
const DRM = '/sys/class/drm';

/** What `read` gives, or nothing where the system has no such file. */
function whereThere<T>(read: () => T[]): T[] {
  try {
    return read();
  } catch {
    return [];
  }
}

const nvidiaGpus = (): string[] =>
  whereThere(() =>
    readdirSync(NVIDIA).flatMap(
      (id) => /^Model:\s*(.+)$/m.exec(readFileSync(join(NVIDIA, id, 'information'), 'utf8'))?.[1] ?? [],
    ),
  );

/** PCI ids of graphics cards, where no driver tells a name. */
const drmGpus = (): string[] =>
  whereThere(() =>
    readdirSync(DRM)
      .filter((name) => /^card\d+$/.test(name))
      .map((name) => {
        const id = (part: string): string =>
          readFileSync(join(DRM, name, 'device', part), 'utf8')
            .trim()
            .replace(/^0x/, '');
        return `GPU ${id('vendor')}:${id('device')}`;
      }),
  );

/**
 * Name of the first GPU: NVIDIA's own, otherwise its PCI ids, otherwise `GPU`. A Vulkan driver chosen by the environment is
 * named instead, since it may be a software adapter.
 */
export function gpuName(): string {
  const chosen = process.env['VK_DRIVER_FILES'] ?? process.env['VK_ICD_FILENAMES'];
  if (chosen !== undefined && chosen !== '') return `Vulkan driver ${basename(chosen, '.json')}`;
  return [...nvidiaGpus(), ...drmGpus()][0] ?? 'GPU';
}
