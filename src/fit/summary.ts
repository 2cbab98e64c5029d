/** A fit report as text for a terminal: the numbers with their intervals, then what to be careful with. */
import type { PowerLaw } from './analysis.js';
import type { Interval } from './interval.js';
import type { FitReport } from './fitRuns.js';
import type { OverTrainingFit } from './overTraining.js';
import type { ParametricFit } from './parametricFit.js';

function number(value: number): string {
  const size = Math.abs(value);
  return size !== 0 && (size >= 1e5 || size < 1e-3)
    ? value.toExponential(4).replace('e+', 'e')
    : String(Number(value.toPrecision(5)));
}

function withInterval({ value, low, high }: Interval): string {
  if (low === null && high === null) return number(value);
  return `${number(value)} (95%: ${low === null ? '?' : number(low)} to ${high === null ? '?' : number(high)})`;
}

const percent = (share: number): string => `${(share * 100).toFixed(3)}%`;

function lawText(name: string, law: PowerLaw | null): string[] {
  return law === null
    ? []
    : [
        `  ${name} = ${number(law.coefficient.value)} C^${withInterval(law.exponent)}, ${law.nPoints} budgets`,
      ];
}

function parametricText(arch: string, fit: ParametricFit | OverTrainingFit): string[] {
  if (!('alpha' in fit)) {
    return [
      `${arch}: L = ${fit.form}, ${fit.nRows} runs`,
      ...(['a', 'b', 'c', 'E'] as const).map((name) => `  ${name.padEnd(5)} ${withInterval(fit[name])}`),
      `  error in sample ${percent(fit.inSampleError)}`,
    ];
  }
  const { optimum, heldOut } = fit;
  return [
    `${arch}: L = ${fit.form}, ${fit.nRows} runs, objective ${fit.objectiveKind} ${number(fit.objective)}`,
    ...(['E', 'A', 'alpha', 'B', 'beta'] as const).map(
      (name) => `  ${name.padEnd(5)} ${withInterval(fit[name])}${fit.fixed.includes(name) ? ' (held)' : ''}`,
    ),
    `  optimum (C = ${optimum.flopsPerParamToken} N D): N ~ C^${withInterval(optimum.paramsExponent)}, D ~ C^${withInterval(optimum.tokensExponent)}`,
    `  error in sample ${percent(fit.inSampleError)}` +
      (heldOut
        ? `; predicting the largest ${heldOut.nRows} runs from the others ${percent(heldOut.meanRelativeError)}`
        : ''),
  ];
}

function frontierText(report: FitReport): string[] {
  // A table has one count of parameters; a sweep has several, and each number names its own.
  const isTable = report.columns !== null;
  return report.frontier.flatMap(
    ({
      arch,
      law,
      reason,
      optimalFlopsPerToken,
      optimalParamsNonEmbedding,
      optimalParams,
      optimalTokens,
    }) => {
      const curves = report.isoflop.filter((entry) => entry.arch === arch);
      const minima = curves.map(
        ({ budgetFlops, optimum, reason: why }) =>
          `  at ${number(budgetFlops)} FLOPs: ${optimum ? `loss ${withInterval(optimum.lossNats)}, ${number(optimum.flopsPerToken.value)} FLOPs a token, N ${number(optimum.paramsNonEmbedding)}${isTable ? '' : ' (non-embedding)'}` : `left out. ${why ?? ''}`}`,
      );
      return [
        `${arch}: optimal size at each budget`,
        ...minima,
        ...(reason === null ? [] : [`  ${reason}`]),
        ...lawText('L', law),
        ...lawText('FLOPs a token', optimalFlopsPerToken),
        ...(isTable
          ? lawText('N', optimalParamsNonEmbedding)
          : optimalParams.flatMap((counted) => lawText(`N (${counted.convention})`, counted.law))),
        ...lawText('D', optimalTokens),
      ];
    },
  );
}

function speedupText(report: FitReport): string[] {
  return report.speedup.flatMap(({ arch, baseline, positions, atOptimalSize, reason }) => [
    `${arch} over ${baseline}${positions === 'unstated' ? '' : ` (${positions} positions)`}`,
    ...(reason === null ? [] : [`  ${reason}`]),
    ...atOptimalSize.map(({ cost, hardware, relation, bound, factor, verdict }) => {
      const measured =
        relation === '='
          ? withInterval(factor)
          : `${relation} ${number(bound ?? NaN)} (extrapolated: ${withInterval(factor)})`;
      return `  in ${cost}${hardware === null ? '' : ` on ${hardware}`}: ${measured}${verdict === null ? '' : `, ${verdict}`}`;
    }),
  ]);
}

/** The report as lines of text. */
export function summarise(report: FitReport): string {
  const sections = [
    [`${report.source}: ${report.nRows} runs; N is ${report.paramsConvention}`],
    ...Object.entries(report.parametricByArch).map(([arch, fit]) => parametricText(arch, fit)),
    report.optima.flatMap(({ arch, params, tokens, loss }) => [
      `${arch}: optima against compute`,
      ...lawText('N', params),
      ...lawText('D', tokens),
      ...lawText('L', loss),
    ]),
    frontierText(report),
    speedupText(report),
    report.warnings.length === 0
      ? []
      : ['Be careful:', ...report.warnings.map((warning) => `  - ${warning}`)],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}
