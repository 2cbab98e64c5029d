/** The error of prediction: the law fitted without the largest budgets, asked for their loss. */
import type { HeldOutPrediction } from './analysis.js';
import type { Interval } from './interval.js';
import { type BootstrappedFit, percentileInterval } from './bootstrap.js';
import type { Study } from './cells.js';
import { fitPowerLaw, lawAt, type LogPoint, meanRelativeError } from './powerLaw.js';
import { frontierPoints, type StudyFit } from './studyFit.js';

/**
 * Holds out the largest accepted budget of every architecture that keeps 2 below it, and the largest two where 3
 * stay. The interval is that of an observation: the spread of the prediction and of the loss it is compared with.
 */
export function heldOutPredictions(study: Study, fit: BootstrappedFit): HeldOutPrediction[] {
  return study.archs.flatMap(({ arch, positions, groups }) => {
    const accepted = groups.filter((group) => fit.point.vertices[group] !== null);
    const entries: HeldOutPrediction[] = [];
    for (const nHeldOut of [1, 2]) {
      const fitted = accepted.slice(0, accepted.length - nHeldOut);
      if (fitted.length < nHeldOut + 1) continue;
      for (const target of accepted.slice(-nHeldOut)) {
        const entry = predictGroup(fit, fitted, target);
        if (entry === null) continue;
        const budgets = fitted.map((group) => study.groups[group]!.budgetFlops);
        entries.push({
          arch,
          positions,
          budgetFlops: study.groups[target]!.budgetFlops,
          fittedBudgets: budgets,
          ...entry,
        });
      }
    }
    return entries;
  });
}

type Prediction = Pick<
  HeldOutPrediction,
  'predicted' | 'observed' | 'relativeError' | 'inSampleError' | 'covered'
>;

function predictGroup(fit: BootstrappedFit, fitted: readonly number[], target: number): Prediction | null {
  const predict = (draw: StudyFit): { points: LogPoint[]; predicted: number; observed: number } | null => {
    const vertex = draw.vertices[target];
    const points = frontierPoints(draw.vertices, fitted, 0);
    const law = fitPowerLaw(points);
    if (!vertex || law === null) return null;
    return { points, predicted: Math.exp(lawAt(law, vertex.logCost[0]!)), observed: vertex.lossNats };
  };
  const point = predict(fit.point);
  const law = point && fitPowerLaw(point.points);
  if (point === null || law === null) return null;
  const { observed } = point;
  const drawn = fit.draws.map((draw) => {
    const values = predict(draw);
    return values && values.predicted + observed - values.observed;
  });
  const predicted: Interval = percentileInterval(point.predicted, drawn);
  return {
    predicted,
    observed,
    relativeError: point.predicted / observed - 1,
    inSampleError: meanRelativeError(law, point.points),
    covered:
      predicted.low === null || predicted.high === null
        ? null
        : predicted.low <= observed && observed <= predicted.high,
  };
}
