/** What charts of speedups at optimal size have in common: the fields of a row and the axis. */
import type { SpeedupAtOptimalSize } from '../../fit/comparison.js';
import { speedupText } from '../text.js';
import { FACTOR_LABEL, TITLE_AT_END, type Chart } from './chart.js';
import { niceLogTicks } from './ticks.js';

/** A speedup as it is drawn: the interval behind a bound is extrapolated, so it is not drawn beside what was measured. */
export function speedupFields(at: SpeedupAtOptimalSize) {
  const isMeasured = at.relation === '=';
  return {
    relation: at.relation,
    factor: at.bound ?? at.factor.value,
    low: isMeasured ? at.factor.low : null,
    high: isMeasured ? at.factor.high : null,
    label: speedupText(at),
    verdict: at.verdict ?? 'no interval',
  };
}

/** A log axis of the field `factor`, right of 1 being better. */
export function speedupAxis(domain: [number, number]): Chart['spec'] {
  return {
    field: 'factor',
    type: 'quantitative',
    scale: { type: 'log', domain, nice: false },
    axis: {
      title: 'Speedup (right of 1: less training compute)',
      ...TITLE_AT_END,
      values: niceLogTicks(domain, 7),
      labelExpr: FACTOR_LABEL,
      grid: true,
    },
  };
}
