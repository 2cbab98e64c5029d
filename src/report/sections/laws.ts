/** The laws of the frontiers and of the savings as tables, and what they say in sentences. */
import type { Frontier, ParamsConvention } from '../../fit/analysis.js';
import type { SavingsLaw } from '../../fit/comparison.js';
import { leavesOutZero } from '../../fit/interval.js';
import type { ReportContext } from '../context.js';
import { counted, formatCount, formatNumber, formatPowerOfTen, listInWords } from '../format.js';
import { rich, type Rich } from '../rich.js';
import { tableOf, type Table } from '../table.js';
import { powerText, shortInterval } from '../text.js';

const exponentText = powerText(3);
const roughExponent = powerText(2);

/** The frontiers in the order in which the report names architectures. */
function frontiersInOrder({ analysis, archs }: ReportContext): Frontier[] {
  const order = archs.map((a) => a.arch);
  return [...analysis.frontier].sort((a, b) => order.indexOf(a.arch) - order.indexOf(b.arch));
}

/** Exponents of loss, optimal size and optimal tokens against compute. */
export function lawsTable(context: ReportContext): Table | null {
  const rows = frontiersInOrder(context).flatMap(
    ({ arch, positions, law, reading, optimalFlopsPerToken, optimalParams, optimalTokens }) =>
      law === null
        ? []
        : [
            {
              arch,
              positions,
              exponent: law.exponent.value,
              loss: shortInterval(law.exponent, exponentText),
              coefficient: law.coefficient.value,
              size: shortInterval(optimalFlopsPerToken?.exponent ?? null, roughExponent),
              params: paramsExponents(optimalParams).params,
              tokens: shortInterval(optimalTokens?.exponent ?? null, roughExponent),
              inSampleError: law.inSampleError,
              isLaw: reading === 'law' ? 'yes' : 'no',
              budgets: law.nPoints,
              from: law.range[0],
              to: law.range[1],
              range: `${formatPowerOfTen(law.range[0], 2)} to ${formatPowerOfTen(law.range[1], 2)}`,
            },
          ],
  );
  return tableOf(
    'Power laws against training compute C: exponents with 95% intervals, those of parameters counting the output matrix and no embeddings; whether the optima lie off the law of the loss by no more than seed noise explains',
    rows,
    [
      { field: 'arch', label: 'Architecture' },
      { field: 'positions', label: 'Positions' },
      { field: 'loss', label: 'Loss' },
      { field: 'size', label: 'Optimal size (FLOPs per token)' },
      { field: 'params', label: 'Optimal parameters' },
      { field: 'tokens', label: 'Optimal tokens' },
      { field: 'inSampleError', label: 'Mean error', format: (share) => `${(share * 100).toFixed(2)}%` },
      { field: 'isLaw', label: 'Within seed noise' },
      { field: 'range', label: 'Range, FLOPs' },
    ],
  );
}

/** The exponents that depend on what N counts, by every convention. */
export function conventionsTable(context: ReportContext): Table | null {
  const rows = frontiersInOrder(context).flatMap(({ arch, positions, optimalParams }) =>
    optimalParams.length === 0 ? [] : [{ arch, positions, ...paramsExponents(optimalParams) }],
  );
  return tableOf(
    'Exponents of the optimal number of parameters against compute, by what is counted (95%)',
    rows,
    [
      { field: 'arch', label: 'Architecture' },
      { field: 'positions', label: 'Positions' },
      { field: 'params', label: 'Non-embedding plus output matrix' },
      { field: 'paramsNonEmbedding', label: 'Non-embedding' },
      { field: 'paramsTotal', label: 'Total' },
    ],
  );
}

/** Exponents of the optimal parameters by convention; a dash where the runs do not tell the count. */
function paramsExponents(
  laws: Frontier['optimalParams'],
): Record<'params' | 'paramsNonEmbedding' | 'paramsTotal', string> {
  const text = (convention: ParamsConvention): string =>
    shortInterval(laws.find((law) => law.convention === convention)?.law.exponent ?? null, roughExponent);
  return {
    params: text('non-embedding plus output matrix'),
    paramsNonEmbedding: text('non-embedding'),
    paramsTotal: text('total'),
  };
}

export function parallelSentences({ analysis, comparisons }: ReportContext): Rich[] {
  const readings = new Map(analysis.frontier.map(({ arch, reading }) => [arch, reading]));
  return analysis.parallel
    .filter((test) => test.archs.length > 1)
    .map((test) => {
      const who = `The frontiers of ${listInWords(test.archs)} (${test.positions} positions)`;
      const shared = `Their shared exponent is ${shortInterval(test.sharedExponent, exponentText)}.`;
      if (test.rejected === null)
        return rich`${who} could not be tested for being parallel: too few budgets. ${shared}`;
      const p = formatNumber(test.pValue ?? 1, 2);
      const bent = test.archs.filter((arch) => readings.get(arch) === 'optima');
      if (bent.length > 0) {
        return rich`Whether ${who.replace('The', 'the')} are parallel is not tested: ${bent.length === 1 ? 'that' : 'those'} of ${listInWords(bent)} ${bent.length === 1 ? 'is no power law' : 'are no power laws'}, so there is no slope to compare. The speedup at each budget says how the factor changes.`;
      }
      const apart = comparisons.filter(
        ({ positions, exponentDifference }) =>
          positions === test.positions && leavesOutZero(exponentDifference),
      );
      if (!test.rejected && apart.length > 0) {
        const pairs = apart.map(
          ({ arch, baseline, exponentDifference }) =>
            `${arch} and ${baseline} (${shortInterval(exponentDifference, exponentText)})`,
        );
        return rich`${who} are not parallel by the noise between seeds: the exponents of ${listInWords(pairs)} differ, so ${pairs.length === 1 ? 'that speedup changes' : 'those speedups change'} with compute. The F test, which knows the scatter of the optima alone, does not reject parallel lines (p\u00a0=\u00a0${p}).`;
      }
      return test.rejected
        ? rich`${who} are not parallel in log-log (F test, p\u00a0=\u00a0${p}), so the speedup changes with compute and one factor does not sum it up.`
        : rich`${who} are compatible with parallel lines in log-log (F test, p\u00a0=\u00a0${p}). ${shared}`;
    });
}

/** The paper's law of absolute savings, where it could be fitted. */
export function savingsTable({ comparisons }: ReportContext): Table | null {
  const rows = comparisons.flatMap(({ arch, baseline, savings }) =>
    savings === null
      ? []
      : [
          {
            arch,
            baseline,
            exponent: savings.exponent.value,
            law: shortInterval(savings.exponent, exponentText),
            coefficient: savings.coefficient.value,
            from: savings.range[0],
            to: savings.range[1],
            parallelCoefficient: savings.parallelCoefficient,
            parallelExponent: savings.parallelExponent,
            paper: paperText(savings),
          },
        ],
  );
  return tableOf(
    'Law of absolute savings: loss = a s^e, with s the FLOPs saved at equal loss and optimal size',
    rows,
    [
      { field: 'arch', label: 'Architecture' },
      { field: 'baseline', label: 'Over' },
      { field: 'law', label: 'Exponent e (95%)' },
      { field: 'coefficient', label: 'Coefficient a', format: (a) => formatNumber(a, 4) },
      { field: 'parallelExponent', label: 'e of the paper (that of both frontiers)', format: exponentText },
      { field: 'parallelCoefficient', label: 'a of the paper', format: (a) => formatNumber(a, 4) },
      { field: 'paper', label: 'Agrees' },
      { field: 'from', label: 'Saved from, FLOPs', format: formatPowerOfTen },
      { field: 'to', label: 'to, FLOPs', format: formatPowerOfTen },
    ],
  );
}

/** Whether the law found holds the exponent that the paper claims for it. */
function paperText({ exponent, parallelExponent }: SavingsLaw): string {
  if (parallelExponent === null) return 'no parallel laws';
  if (exponent.low === null || exponent.high === null) return 'no interval';
  return exponent.low <= parallelExponent && parallelExponent <= exponent.high ? 'yes' : 'no';
}

export function savingsSentences({ comparisons }: ReportContext): Rich[] {
  const laws = comparisons.flatMap(({ savings }) => (savings === null ? [] : [savings]));
  if (laws.length === 0) return [];
  const count = (text: string): number => laws.filter((law) => paperText(law) === text).length;
  const tested = count('yes') + count('no');
  const found =
    tested === 0
      ? 'None of the comparisons here can test it.'
      : `Of ${counted(laws.length, 'comparison')} with savings here, ${formatCount(count('yes'))} of the ${formatCount(tested)} that can test it agree within their intervals.`;
  const notParallel = count('no parallel laws');
  const rest =
    notParallel === 0
      ? ''
      : ` For ${formatCount(notParallel)} the frontiers are not shown to be parallel laws, so the claim does not apply: savings then grow faster or slower than it says.`;
  return [
    rich`The paper claims that absolute savings follow a power law with the exponent of the frontiers themselves, which holds where those are parallel power laws. ${found}${rest}`,
  ];
}
