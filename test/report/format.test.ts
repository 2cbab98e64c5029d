import { describe, expect, it } from 'vitest';
import {
  factorDigits,
  formatCount,
  formatFactor,
  formatFlops,
  formatNumber,
  formatPercent,
  formatPowerOfTen,
  formatSeconds,
  formatShortCount,
  listInWords,
  sixDigits,
} from '../../src/report/format.js';

describe('numbers for people', () => {
  it.each([
    [1e12, '10¹²'],
    [3e11, '3 × 10¹¹'],
    [1.25e10, '1.25 × 10¹⁰'],
    [9.999e11, '10¹²'],
    [4.2e-5, '4.2 × 10⁻⁵'],
    [0, '0'],
  ])('powers of ten: %d is %s', (value, text) => {
    expect(formatPowerOfTen(value)).toBe(text.replaceAll(' ', '\u00a0'));
  });

  it.each([
    [0, '0'],
    [0.01234, '0.0123'],
    [5, '5.00'],
    [123.4, '123'],
    [-0.5, '\u22120.500'],
    [9.999, '10.0'],
    [123456, '1.23 × 10⁵'],
  ])('three significant digits: %d is %s', (value, text) => {
    expect(formatNumber(value)).toBe(text.replaceAll(' ', '\u00a0'));
  });

  it.each([
    [1.926, '1.93×'],
    [0.8, '0.80×'],
    [12.34, '12.3×'],
    [123.4, '123×'],
    [0.0123, '0.012×'],
    [9.996, '10.0×'],
  ])('factors: %d is %s', (value, text) => {
    expect(formatFactor(value)).toBe(text);
    expect(`${factorDigits(value)}×`).toBe(text);
  });

  it.each([
    [0.0123, '12.3 ms'],
    [0.42, '0.42 s'],
    [38.2, '38 s'],
    [200, '3 min 20 s'],
    [240, '4 min'],
    [7500, '2 h 5 min'],
  ])('seconds: %d is %s', (value, text) => {
    expect(formatSeconds(value)).toBe(text);
  });

  it.each([
    [937, '937'],
    [12_345, '12.3k'],
    [4_560_000, '4.56M'],
    [1.2e9, '1.2B'],
    [999_600, '1M'],
  ])('counts at a glance: %d is %s', (value, text) => {
    expect(formatShortCount(value)).toBe(text);
  });

  it('writes thousands, shares, FLOPs and lists', () => {
    expect(formatCount(1_234_567)).toBe('1\u202f234\u202f567');
    expect(formatPercent(0.1234)).toBe('12.3%');
    expect(formatFlops(2e12)).toBe('2\u00a0×\u00a010¹² FLOPs');
    expect(listInWords(['a'])).toBe('a');
    expect(listInWords(['a', 'b', 'c'])).toBe('a, b and c');
  });
});

describe('numbers for files', () => {
  it('have six significant digits', () => {
    expect(sixDigits(4.123456789)).toBe(4.12346);
    expect(sixDigits(123456789)).toBe(123457000);
  });
});
