/** How jobs are submitted to Slurm: `slurm:` of a sweep file, and `--slurm key=value` on the command line. */
import { z } from 'zod';
import { UsageError } from '../store/errors.js';
import { didYouMean } from '../ops/nearest.js';

export const slurmSchema = z.strictObject({
  partition: z.string().min(1).optional().describe('Partition to submit to.'),
  account: z.string().min(1).optional().describe('Account to charge.'),
  qos: z.string().min(1).optional().describe('Quality of service.'),
  time: z
    .string()
    .regex(/^(\d+-)?\d+(:\d+){0,2}$/)
    .optional()
    .describe(
      'Time limit of a task as sbatch takes it, such as 02:00:00. A task cut off by it is submitted again.',
    ),
  gpus: z
    .union([z.number().int().positive(), z.string().min(1)])
    .optional()
    .describe('GPUs of a task, as `sbatch --gpus` takes them.'),
  memory: z.string().min(1).optional().describe('Memory of a task, such as 4G.'),
  tasksAtOnce: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('Most tasks that run at the same time; as many as the cluster allows where not given.'),
  taskMinutes: z
    .number()
    .positive()
    .default(30)
    .describe('Runs are packed into tasks of about this length, as predicted.'),
  signalSeconds: z
    .number()
    .int()
    .positive()
    .default(60)
    .describe('Seconds before the time limit at which a task writes its checkpoint and ends.'),
  pollSeconds: z.number().positive().default(5).describe('Seconds between two looks at the queue.'),
  container: z
    .string()
    .min(1)
    .optional()
    .describe('Command that the worker is run under, such as `apptainer exec --nv image.sif`.'),
  setup: z
    .array(z.string())
    .default([])
    .describe('Lines of shell run before the worker, such as `module load nodejs`.'),
  options: z.array(z.string()).default([]).describe('Further options for sbatch, such as --constraint=zen4.'),
});

export type SlurmSettings = z.infer<typeof slurmSchema>;

const KEYS = Object.keys(slurmSchema.shape);
const LISTS = ['setup', 'options'];
const NUMBERS = ['tasksAtOnce', 'taskMinutes', 'signalSeconds', 'pollSeconds'];

/**
 * Settings of a sweep file with those of the command line over them. A list given on the command line replaces the
 * file's.
 *
 * @param flags `key=value` each; `setup` and `options` may come several times
 * @throws UsageError naming the flag and what is allowed
 */
export function slurmSettings(fromFile: SlurmSettings | undefined, flags: readonly string[]): SlurmSettings {
  const given: Record<string, unknown> = {};
  for (const flag of flags) {
    const at = flag.indexOf('=');
    const key = at < 0 ? flag : flag.slice(0, at);
    if (!KEYS.includes(key)) {
      throw new UsageError(`--slurm knows no "${key}".${didYouMean(key, KEYS)} Known: ${KEYS.join(', ')}.`);
    }
    if (at < 0) throw new UsageError(`--slurm takes KEY=VALUE, not "${flag}".`);
    const text = flag.slice(at + 1);
    const value = NUMBERS.includes(key) ? Number(text) : text;
    given[key] = LISTS.includes(key) ? [...((given[key] as string[] | undefined) ?? []), text] : value;
  }
  const parsed = slurmSchema.safeParse({ ...fromFile, ...given });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`--slurm ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is wrong'}.`);
}

/** `--option=value` arguments of sbatch for the settings. */
export function sbatchOptions(settings: SlurmSettings): string[] {
  const { partition, account, qos, time, gpus, memory, signalSeconds, options } = settings;
  const given = { partition, account, qos, time, gpus, mem: memory };
  return [
    ...Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`])),
    `--signal=B:TERM@${signalSeconds}`,
    ...options,
  ];
}
