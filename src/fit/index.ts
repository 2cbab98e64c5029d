/** Public entry `isoloss/fit`: scaling-law fits of plain rows. Knows neither store nor engine. */
export { analyse, type AnalyseOptions } from './analyse.js';
export type * from './analysis.js';
export { FitError } from './error.js';
export { bestLearningRate, type LearningRateOptimum, type LearningRateTrial } from './learningRate.js';
export type { FitRow, RunStatus } from './row.js';
