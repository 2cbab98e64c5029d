/** Where threads wait for each other: a barrier over shared memory that ends for all when one of them fails. */

/** Looks at the counter so often, some 20 microseconds, before it lets the core go. */
const SPINS = 2000;
/** Milliseconds after which a sleeping thread looks by itself. */
const SLEEP_MS = 100;

const WAITING = 0;
const ROUND = 1;
const FAILED = 2;
export const MEETING_LENGTH = 3;

/** Thrown to those who wait for one that has failed. */
export class FollowedError extends Error {}

/** Returns when all `count` threads have come. @throws FollowedError where one of them never will */
export function meet(meeting: Int32Array, count: number): void {
  const round = Atomics.load(meeting, ROUND);
  if (Atomics.add(meeting, WAITING, 1) === count - 1) {
    Atomics.store(meeting, WAITING, 0);
    Atomics.add(meeting, ROUND, 1);
    Atomics.notify(meeting, ROUND);
    return;
  }
  let looks = 0;
  while (Atomics.load(meeting, ROUND) === round) {
    if (Atomics.load(meeting, FAILED) !== 0) throw new FollowedError('another thread has failed');
    if (++looks > SPINS) Atomics.wait(meeting, ROUND, round, SLEEP_MS);
  }
}

/** Tells those who wait that this thread will not come. */
export function leave(meeting: Int32Array): void {
  Atomics.store(meeting, FAILED, 1);
  Atomics.notify(meeting, ROUND);
}

/** As it was before anybody came; only while nobody is there. */
export const reopen = (meeting: Int32Array): Int32Array => meeting.fill(0);
