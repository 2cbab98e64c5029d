import fc from 'fast-check';
import { expect, it } from 'vitest';
import { median, quantileSorted } from '../../src/fit/statistics.js';

it('the median is the middle of the sorted values, whatever their order', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 50 }), (values) => {
      const sorted = Float64Array.from(values).sort();
      const [found, expected] = [median(values), quantileSorted(sorted, 0.5)];
      // Zeros of either sign are equal here.
      expect(found === expected || Number.isNaN(expected)).toBe(true);
    }),
  );
});
