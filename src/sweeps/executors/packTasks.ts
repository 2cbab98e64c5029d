/** Packs runs into tasks of similar length, so that none keeps the others waiting and a cluster's queue is asked seldom. */

/** Slurm's default limit on the size of a job array is 1001. */
const MOST_TASKS = 1000;

/**
 * Packs items into tasks: the longest first, each to the task with the least so far, which keeps the longest task
 * within 4/3 of the best possible (Graham 1969). Within a task the longest come first.
 *
 * @param secondsOf predicted length of an item
 * @param targetSeconds about how long a task is to be
 * @param atLeast tasks made even if they get shorter, as far as there are items: those that may run at the same time
 */
export function packTasks<T>(
  items: readonly T[],
  secondsOf: (item: T) => number,
  targetSeconds: number,
  atLeast: number,
): T[][] {
  if (items.length === 0) return [];
  const sized = items
    .map((item) => ({ item, seconds: secondsOf(item) }))
    .sort((a, b) => b.seconds - a.seconds);
  const total = sized.reduce((sum, { seconds }) => sum + seconds, 0);
  const wanted = Math.max(Math.ceil(total / targetSeconds), atLeast, 1);
  const tasks = Array.from({ length: Math.min(wanted, items.length, MOST_TASKS) }, () => ({
    seconds: 0,
    items: [] as T[],
  }));
  for (const { item, seconds } of sized) {
    const least = tasks.reduce((best, task) => (task.seconds < best.seconds ? task : best));
    least.items.push(item);
    least.seconds += seconds;
  }
  return tasks.map((task) => task.items);
}
