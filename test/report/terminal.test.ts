/** The report for a terminal: the same numbers as the page's, and plots whose places can be checked. */
import { describe, expect, it } from 'vitest';
import { analyse } from '../../src/fit/analyse.js';
import { buildDocument } from '../../src/report/buildDocument.js';
import { reportContext } from '../../src/report/context.js';
import { richToPlain } from '../../src/report/rich.js';
import { renderTerminal } from '../../src/report/terminal/terminal.js';
import { textIntervals, textPlot } from '../../src/report/terminal/textPlot.js';
import { QUICK_DESIGN, syntheticStudy } from './syntheticStudy.js';

describe('renderTerminal', () => {
  const study = syntheticStudy({ ...QUICK_DESIGN, name: 'quick' });
  const analysis = analyse(study.fitRows, { baselines: study.sweep.baselines, bootstraps: 100 });
  const text = renderTerminal({ study, analysis }, 90);

  it('says what the report says, within the width', () => {
    const flat = text.replaceAll(/\s+/g, ' ');
    const [first] = buildDocument(reportContext({ study, analysis })).sections;
    const answers = first!.blocks.flatMap((block) => (block.kind === 'answers' ? block.answers : []));
    expect(answers.length).toBeGreaterThan(1);
    for (const { sentence } of answers) {
      expect(flat).toContain(richToPlain(sentence).replaceAll(/\s+/g, ' '));
    }
    const prose = text.split('\n').filter((line) => !line.includes('  '));
    expect(Math.max(...prose.map((line) => Array.from(line).length))).toBeLessThanOrEqual(90);
  });

  it('lets no control character of a name through', () => {
    const sweep = { ...study.sweep, title: 'red \u001b[31m and \u0007' };
    const shown = renderTerminal({ study: { ...study, sweep }, analysis }, 90);
    expect(shown).toContain('red \\u001b[31m and \\u0007');
  });
});

describe('textPlot', () => {
  it('puts points where they belong on logarithmic axes', () => {
    const plot = textPlot({
      series: [
        {
          label: 'a',
          points: [
            [1, 4],
            [100, 1],
          ],
          line: [],
        },
        { label: 'b', points: [[10, 2]], line: [] },
      ],
      xLabel: 'x',
      yLabel: 'y',
      formatX: String,
      formatY: String,
      width: 24,
      height: 5,
    });
    expect(plot).toEqual([
      'y',
      '4 │●',
      '  │',
      '  │          ■',
      '  │',
      '1 │                    ●',
      `  └${'─'.repeat(21)}`,
      '   1        x        100',
      '   ● a   ■ b',
    ]);
  });

  it('has nothing to draw without an extent', () => {
    const options = { xLabel: '', yLabel: '', formatX: String, formatY: String, width: 24, height: 5 };
    expect(textPlot({ series: [{ label: 'a', points: [[1, 4]], line: [] }], ...options })).toEqual([]);
  });
});

describe('textIntervals', () => {
  it('draws intervals around their values, with a line at 1', () => {
    const intervals = [
      { label: 'b', value: 4, low: 2, high: 4 },
      { label: 'c', value: 1, low: null, high: null },
    ];
    expect(textIntervals(intervals, 24, String)).toEqual([
      'b  │         ──────────●',
      'c  ●',
      '   1                   4',
    ]);
  });
});
