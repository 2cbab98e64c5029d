/** Small plots of characters: points and lines over two axes, and intervals over one. */

export interface TextSeries {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Drawn under the points of all series, as a dotted line. */
  readonly line: readonly (readonly [x: number, y: number])[];
}

export interface TextPlot {
  readonly series: readonly TextSeries[];
  readonly xLabel: string;
  readonly yLabel: string;
  readonly formatX: (x: number) => string;
  readonly formatY: (y: number) => string;
  /** Characters, axes included. */
  readonly width: number;
  readonly height: number;
}

/** One for each series, told apart without colour. */
export const MARKS = ['●', '■', '▲', '◆', '○', '□', '△', '◇', '+', 'x', '*', '#'] as const;
const LINE = '·';

export const markOf = (series: number): string => MARKS[series % MARKS.length]!;

/**
 * Points over logarithmic axes, with the legend below.
 *
 * @returns lines; none where the points have no extent over x
 */
export function textPlot(plot: TextPlot): string[] {
  const { series, formatX, formatY, width, height } = plot;
  const all = series.flatMap(({ points, line }) => [...points, ...line]);
  if (new Set(all.map(([x]) => x)).size < 2) return [];
  const x = axisOver(all.map(([value]) => value));
  const y = axisOver(all.map(([, value]) => value));
  const labels = [formatY(y.high), formatY(y.low)];
  const margin = Math.max(...labels.map((text) => text.length)) + 1;
  const columns = Math.max(20, width - margin - 1);
  const grid = Array.from({ length: height }, () => new Array<string>(columns).fill(' '));
  const put = ([px, py]: readonly [number, number], mark: string): void => {
    const column = Math.round(x.share(px) * (columns - 1));
    const row = Math.round((1 - y.share(py)) * (height - 1));
    grid[row]![column] = mark;
  };
  for (const { line } of series) for (const point of line) put(point, LINE);
  series.forEach(({ points }, i) => {
    for (const point of points) put(point, markOf(i));
  });
  const side = (row: number): string => (row === 0 ? labels[0]! : row === height - 1 ? labels[1]! : '');
  const ends = [formatX(x.low), formatX(x.high)] as const;
  const middle = plot.xLabel.padStart(
    Math.floor((columns - ends[0].length - ends[1].length + plot.xLabel.length) / 2),
  );
  const bottom = `${ends[0]}${middle}`;
  return [
    plot.yLabel,
    ...grid.map((cells, row) => `${side(row).padStart(margin - 1)} │${cells.join('')}`.trimEnd()),
    `${' '.repeat(margin)}└${'─'.repeat(columns)}`,
    `${' '.repeat(margin + 1)}${bottom.padEnd(Math.max(bottom.length + 1, columns - ends[1].length))}${ends[1]}`,
    `${' '.repeat(margin + 1)}${series.map(({ label }, i) => `${markOf(i)} ${label}`).join('   ')}`,
  ];
}

interface Axis {
  readonly low: number;
  readonly high: number;
  /** Place between the ends, from 0 to 1. */
  share(value: number): number;
}

function axisOver(values: readonly number[]): Axis {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const span = Math.log(high / low);
  return { low, high, share: (value) => (span === 0 ? 0.5 : Math.log(value / low) / span) };
}

export interface TextInterval {
  readonly label: string;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

/**
 * Factors with their intervals over one logarithmic axis, and a line at 1.
 *
 * @param oneLabel - what is written below that line
 * @returns lines; none where there is no factor
 */
export function textIntervals(
  intervals: readonly TextInterval[],
  width: number,
  format: (value: number) => string,
  oneLabel = '1',
): string[] {
  if (intervals.length === 0) return [];
  const margin = Math.max(...intervals.map(({ label }) => label.length)) + 2;
  const columns = Math.max(20, width - margin);
  const axis = axisOver([
    1,
    ...intervals.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]),
  ]);
  const place = (value: number): number => Math.round(axis.share(value) * (columns - 1));
  const one = place(1);
  const rows = intervals.map(({ label, value, low, high }) => {
    const cells = new Array<string>(columns).fill(' ');
    cells[one] = '│';
    if (low !== null && high !== null) {
      for (let i = place(low); i <= place(high); i++) cells[i] = i === one ? '┼' : '─';
    }
    cells[place(value)] = '●';
    return `${label.padEnd(margin)}${cells.join('')}`.trimEnd();
  });
  return [...rows, `${' '.repeat(margin)}${scaleLine(axis, columns, [one, oneLabel], format)}`];
}

/** The ends and the 1 of an axis, those that have room. */
function scaleLine(
  axis: Axis,
  columns: number,
  [one, oneLabel]: readonly [number, string],
  format: (value: number) => string,
): string {
  const cells = new Array<string>(columns).fill(' ');
  const write = (text: string, from: number): void => {
    const start = Math.max(0, Math.min(columns - text.length, from));
    const isFree = cells.slice(Math.max(0, start - 1), start + text.length + 1).every((cell) => cell === ' ');
    if (isFree) Array.from(text).forEach((character, i) => (cells[start + i] = character));
  };
  write(oneLabel, one);
  if (axis.high > 1) write(format(axis.high), columns);
  if (axis.low < 1) write(format(axis.low), 0);
  return cells.join('').trimEnd();
}
