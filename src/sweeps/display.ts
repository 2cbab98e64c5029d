/** Shows a running sweep: a block that is redrawn on a terminal, now and then a line elsewhere. */
import type { SweepEvent } from './scheduler.js';
import { observeEvent, progressBlock, progressLine, type SweepProgress } from './progress.js';

const REDRAW_MS = 200;
const LINE_MS = 5000;
/** A log gets about this many lines each time that the sweep has taken e times as long. */
const LINES_PER_E_FOLD = 50;

/** Where progress is written: the part of a terminal's stream that is used. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface SweepDisplay {
  onEvent(event: SweepEvent): void;
  /** Ends the display; the last state stays readable. */
  close(): void;
}

/** Shows a sweep on a stream, a terminal or not. */
export function sweepDisplay(state: SweepProgress, stream: ProgressStream): SweepDisplay {
  const terminal = stream.isTTY === true;
  let drawn = 0;
  let heard = false;

  /** One write for what is erased and what replaces it, so that nothing flickers. */
  const draw = (above = ''): void => {
    const erased = drawn > 0 ? `\u001b[${drawn}A\u001b[0J` : '';
    const lines = progressBlock(state, stream.columns ?? 80);
    stream.write(`${erased}${above}${lines.join('\n')}\n`);
    drawn = lines.length;
  };
  const writeLine = (): void => {
    if (heard) stream.write(`${progressLine(state)}\n`);
    heard = false;
  };
  const started = performance.now();
  let written = started;
  const timer = setInterval(
    () => {
      if (terminal) {
        draw();
        return;
      }
      const now = performance.now();
      if (now - written < (now - started) / LINES_PER_E_FOLD) return;
      written = now;
      writeLine();
    },
    terminal ? REDRAW_MS : LINE_MS,
  );
  timer.unref();

  return {
    onEvent: (event) => {
      observeEvent(state, event);
      heard = true;
      const text = eventText(event);
      if (text === null) return;
      if (terminal) draw(`${text}\n`);
      else stream.write(`${text}\n`);
    },
    close: () => {
      clearInterval(timer);
      if (terminal) draw();
      else writeLine();
    },
  };
}

/** What is worth a line of its own, terminal or not. */
function eventText(event: SweepEvent): string | null {
  switch (event.kind) {
    case 'ended':
      return event.record.status === 'diverged'
        ? `diverged: ${event.task.label}: ${event.record.cause ?? 'no cause given'}`
        : null;
    case 'notice':
      return `note: ${event.task.label}: ${event.text}`;
    case 'retrying':
      return `trying again: ${event.task.label}: ${event.cause}`;
    case 'failed':
      return `failed: ${event.task.label}: ${event.cause}`;
    case 'stopping':
      if (event.cause !== null) return `stopping, since every run would fail: ${event.cause}`;
      return event.mode === 'now'
        ? 'stopped'
        : 'stopping after the calls under way; Ctrl-C again stops at once';
    case 'progress':
    case 'waiting':
    case 'stopped':
      return null;
    default:
      event satisfies never;
      return null;
  }
}
