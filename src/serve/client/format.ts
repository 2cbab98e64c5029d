/** Numbers and durations as pages show them. */

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** `1.2 × 10¹²`; a mantissa of exactly 1 is left out. */
export function power(value: number): string {
  const [mantissa = '', exponent = ''] = value.toExponential(2).split('e');
  const digits = String(Math.abs(Number(exponent))).replaceAll(
    /\d/g,
    (digit) => SUPERSCRIPTS[Number(digit)]!,
  );
  const sign = Number(exponent) < 0 ? '⁻' : '';
  const short = String(Number(mantissa));
  return short === '1' ? `10${sign}${digits}` : `${short} × 10${sign}${digits}`;
}

/** `950`, `12.3k`, `4.56M` */
export function count(value: number): string {
  if (value >= 999_500) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 999.5) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Math.round(value));
}

/** `42 s`, `3 min`, `2 h 5 min` */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A share that is never shown as whole before it is. */
export function percent(share: number): string {
  return `${Math.floor(100 * share + 1e-9)}%`;
}

/** A value of an answer: whole numbers below a billion in full, others to 6 significant digits. */
export function value(cell: string | number | null): string {
  if (cell === null) return '';
  if (typeof cell === 'string' || (Number.isInteger(cell) && Math.abs(cell) < 1e9)) return String(cell);
  const size = Math.abs(cell);
  if (size >= 1e-4 && size < 1e6) return String(Number(cell.toPrecision(6)));
  return Number(cell.toPrecision(6)).toExponential().replace('e+', 'e');
}
