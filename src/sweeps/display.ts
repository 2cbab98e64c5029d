/** Shows a running sweep: a block that is redrawn on a terminal, now and then a line elsewhere. */
import type { SweepEvent } from './scheduler.js';
import { observeEvent, progressBlock, progressLine, type SweepProgress } from './progress.js';

const REDRAW_MS = 200;
const LINE_MS = 5000;

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

  const erase = (): void => {
    if (drawn > 0) stream.write(`\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  };
  const draw = (): void => {
    const lines = progressBlock(state, stream.columns ?? 80);
    erase();
    stream.write(`${lines.join('\n')}\n`);
    drawn = lines.length;
  };
  const say = (text: string): void => {
    if (terminal) erase();
    stream.write(`${text}\n`);
    if (terminal) draw();
  };
  const timer = setInterval(
    () => {
      if (terminal) draw();
      else if (heard) stream.write(`${progressLine(state)}\n`);
      heard = false;
    },
    terminal ? REDRAW_MS : LINE_MS,
  );
  timer.unref();

  return {
    onEvent: (event) => {
      observeEvent(state, event);
      heard = true;
      const text = eventText(event);
      if (text !== null) say(text);
    },
    close: () => {
      clearInterval(timer);
      if (terminal) draw();
      else if (heard) stream.write(`${progressLine(state)}\n`);
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
