/** Public entry `isoloss/fit`: scaling-law fits of plain rows. Knows neither store nor engine. */
export { analyse, type AnalyseOptions } from './analyse.js';
export type * from './analysis.js';
export type * from './comparison.js';
export type * from './interval.js';
export { parseCsv, type CsvTable } from './csv.js';
export { coverageOf, type CoverageOptions, type CoverageReport } from './coverage.js';
export {
  learningCurveEnvelope,
  learningCurveSpeedup,
  type CurveSpeedup,
  type EnvelopePoint,
  type LearningCurve,
} from './curves.js';
export { DESIGNS, designOfPlan } from './designs.js';
export { FitError } from './error.js';
export { fitRuns, type FitReport, type FitRunsOptions } from './fitRuns.js';
export {
  bestLearningRate,
  bestOnLogGrid,
  type GridOptimum,
  type GridTrial,
  type LearningRateOptimum,
  type LearningRateTrial,
} from './learningRate.js';
export { optimaLaws, powerLawOf, type OptimaLaws } from './optima.js';
export {
  fitOverTraining,
  overTrainingLoss,
  type OverTrainingFit,
  type OverTrainingValues,
} from './overTraining.js';
export {
  parametricLoss,
  parametricOptimum,
  type ParametricRow,
  type ParametricValues,
} from './parametric.js';
export {
  fitParametric,
  predictParametric,
  type ParametricFit,
  type ParametricOptions,
  type ParametricResult,
} from './parametricFit.js';
export type { ObjectiveKind } from './powerSum.js';
export type { FitRow, RunStatus } from './row.js';
export { runSetOfRows, runSetOfTable, type RunSet } from './runSet.js';
export { readRunTable, type RunColumns, type RunTable } from './runTable.js';
export { simulateRows, type SimulatedDesign, type SimulatedNoise, type SimulatedRun } from './simulate.js';
export { summarise } from './summary.js';
