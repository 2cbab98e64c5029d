/** What a report says of the slopes of frontiers, from a test and from intervals that may disagree. */
import { expect, it } from 'vitest';
import type { ReportContext } from '../../src/report/context.js';
import { richToPlain } from '../../src/report/rich.js';
import { parallelSentences } from '../../src/report/sections/laws.js';

const interval = (value: number, low: number, high: number) => ({ value, low, high, level: 0.95 as const });

const sentence = (change: {
  readonly rejected?: boolean;
  readonly difference?: ReturnType<typeof interval>;
  readonly reading?: 'law' | 'optima';
}): string => {
  const context = {
    analysis: {
      frontier: [
        { arch: 'base', reading: change.reading ?? 'law' },
        { arch: 'other', reading: 'law' },
      ],
      parallel: [
        {
          positions: 'rotary',
          archs: ['base', 'other'],
          sharedExponent: interval(-0.05, -0.06, -0.04),
          pValue: change.rejected === true ? 0.01 : 0.07,
          rejected: change.rejected ?? false,
        },
      ],
    },
    comparisons: [
      {
        arch: 'other',
        baseline: 'base',
        positions: 'rotary',
        exponentDifference: change.difference ?? interval(-0.001, -0.002, 0.001),
      },
    ],
  } as unknown as ReportContext;
  const [text] = parallelSentences(context);
  return richToPlain(text!);
};

it('calls frontiers parallel where neither the test nor an interval of two exponents tells them apart', () => {
  expect(sentence({})).toContain('compatible with parallel lines');
  expect(sentence({ rejected: true })).toContain('are not parallel in log-log');
});

it('names the pairs whose exponents differ where the test sees nothing', () => {
  const text = sentence({ difference: interval(-0.002, -0.003, -0.001) });
  expect(text).toContain(
    'not parallel by the noise between seeds: the exponents of other and base (−0.002 (−0.003 to −0.001))',
  );
  expect(text).not.toContain('compatible');
});

it('tests nothing where a frontier is no law', () => {
  const text = sentence({ reading: 'optima', rejected: true });
  expect(text).toContain('is not tested: that of base is no power law');
});
