/** Numbers as people read them, and as files keep them. One place, so that a value looks the same everywhere. */

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';
const MINUS = '\u2212';

/** A number to 6 significant digits: what charts, CSV files and the page's data carry. */
export function sixDigits(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : value;
}

/** `digits` significant digits without an exponent for values of everyday size, `m × 10ⁿ` otherwise. */
export function formatNumber(value: number, digits = 3): string {
  if (value === 0) return '0';
  const magnitude = Math.abs(value);
  if (magnitude >= 1e5 || magnitude < 1e-3) return formatPowerOfTen(value, digits);
  const rounded = Number(value.toPrecision(digits));
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(rounded))));
  return withMinus(rounded.toFixed(decimals));
}

/** `1.2 × 10¹²`, with spaces that don't break; a mantissa of exactly 1 is left out (`10¹²`). */
export function formatPowerOfTen(value: number, digits = 3): string {
  if (value === 0) return '0';
  const [mantissa, exponent] = value.toExponential(digits - 1).split('e') as [string, string];
  const short = String(Number(mantissa));
  const power = `10${superscript(Number(exponent))}`;
  if (short === '1') return power;
  return `${withMinus(short)}\u00a0×\u00a0${power}`;
}

function superscript(exponent: number): string {
  const digits = String(Math.abs(exponent)).replaceAll(/\d/g, (digit) => SUPERSCRIPTS[Number(digit)]!);
  return exponent < 0 ? `⁻${digits}` : digits;
}

function withMinus(text: string): string {
  return text.startsWith('-') ? MINUS + text.slice(1) : text;
}

/** FLOPs: `10¹² FLOPs`, `3 × 10¹¹ FLOPs`. */
export function formatFlops(flops: number): string {
  return `${formatPowerOfTen(flops)} FLOPs`;
}

/** A loss in nats with the three decimals that seed noise leaves meaningful. */
export function formatLoss(lossNats: number): string {
  return lossNats.toFixed(3);
}

/** A factor: `1.93×`. Three significant digits over the range where factors live, so that columns line up. */
export function formatFactor(factor: number): string {
  return `${factorDigits(factor)}×`;
}

/** The number of a factor without its sign, for intervals (`1.52 to 2.44`). */
export function factorDigits(factor: number): string {
  if (factor >= 99.95) return formatNumber(factor, 3);
  if (factor >= 9.995) return factor.toFixed(1);
  if (factor >= 0.0995) return factor.toFixed(2);
  return formatNumber(factor, 2);
}

/** A count with a thin space between thousands: `1 234 567`. */
export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** A count at a glance: `937`, `12.3k`, `4.56M`, `1.2B`. */
export function formatShortCount(count: number): string {
  const units = [
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const;
  for (const [size, unit] of units) {
    if (Math.abs(count) >= size * 0.9995) return `${Number((count / size).toPrecision(3))}${unit}`;
  }
  return String(Number(count.toPrecision(3)));
}

/** A time span: `0.42 s`, `38 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.0995) return `${formatNumber(seconds * 1000, 3)} ms`;
  if (seconds < 9.95) return `${formatNumber(seconds, 2)} s`;
  const whole = Math.round(seconds);
  if (whole < 100) return `${whole} s`;
  if (whole < 3600) return twoUnits(Math.floor(whole / 60), 'min', whole % 60, 's');
  const minutes = Math.round(seconds / 60);
  return twoUnits(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
}

function twoUnits(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** A share as percent with one decimal. */
export function formatPercent(share: number): string {
  return `${withMinus((share * 100).toFixed(1))}%`;
}

/** Names joined as a sentence does: `a`, `a and b`, `a, b and c`. */
export function listInWords(names: readonly string[]): string {
  if (names.length <= 1) return names[0] ?? '';
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`;
}

/** `1 run`, `2 runs`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural}`;
}
