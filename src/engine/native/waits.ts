/** Where the threads of a step have to wait for each other: before anything that another may still be reading or writing. */
import type { Place } from './memory.js';

interface Range {
  readonly area: Place['area'];
  readonly from: number;
  readonly to: number;
}

/** Bytes that a place covers; inputs and results are each by themselves. */
const rangeOf = ({ area, at, bytes }: Place): Range =>
  area === 'perStep' || area === 'results'
    ? { area, from: at, to: at + 1 }
    : { area, from: at, to: at + bytes };

const overlap = (a: readonly Range[], b: readonly Range[]): boolean =>
  a.some((x) => b.some((y) => x.area === y.area && x.from < y.to && y.from < x.to));

/** What has been read and written since the threads last waited: state with a life, as long as a step is being written. */
export class Waits {
  private read: Range[] = [];
  private written: Range[] = [];

  /** Whether the threads have to wait before something reads and writes these places. */
  isNeeded(read: readonly Place[], written: readonly Place[]): boolean {
    const [reads, writes] = [read.map(rangeOf), written.map(rangeOf)];
    return overlap(writes, this.read) || overlap(writes, this.written) || overlap(reads, this.written);
  }

  note(read: readonly Place[], written: readonly Place[]): void {
    this.read.push(...read.map(rangeOf));
    this.written.push(...written.map(rangeOf));
  }

  /** The threads have waited. */
  clear(): void {
    this.read = [];
    this.written = [];
  }
}
