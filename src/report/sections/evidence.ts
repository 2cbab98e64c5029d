/** The evidence: every chart behind the answer, and the tables of the laws. */
import { breakdownCharts } from '../charts/breakdown.js';
import { curvesChart } from '../charts/curves.js';
import { fixedSizeChart } from '../charts/fixedSize.js';
import { frontierChart } from '../charts/frontier.js';
import { heldOutChart } from '../charts/heldOut.js';
import { isoflopChart } from '../charts/isoflop.js';
import { residualsChart } from '../charts/residuals.js';
import { speedupCurveChart } from '../charts/speedupCurve.js';
import { throughputChart } from '../charts/throughput.js';
import type { ReportContext } from '../context.js';
import { chartBlock, type Block, type Section } from '../document.js';
import { formatFactor, formatNumber, formatPowerOfTen, listInWords } from '../format.js';
import { rich, type Rich } from '../rich.js';
import { datasetOf, type Table } from '../table.js';
import { shortFactor, shortInterval, signedNats } from '../text.js';

export function evidenceSection(context: ReportContext): Section {
  const { families } = context;
  const perFamily = (
    chart: (context: ReportContext, family: string) => ReturnType<typeof frontierChart>,
  ): Block[] => families.flatMap((family) => chartBlock(chart(context, family)));
  const laws = lawsTable(context);
  const paired = pairedTable(context);
  const savings = savingsTable(context);
  const details = detailsTable(context);
  const blocks: Block[] = [
    ...perFamily(frontierChart),
    ...(laws === null ? [] : [{ kind: 'table', table: laws, file: 'laws', collapsed: false } as const]),
    ...parallelSentences(context).map((text): Block => ({ kind: 'prose', text })),
    ...(details === null
      ? []
      : [{ kind: 'table', table: details, file: 'comparisons', collapsed: true } as const]),
    ...perFamily(isoflopChart),
    ...perFamily(speedupCurveChart),
    ...(savings === null
      ? []
      : [{ kind: 'table', table: savings, file: 'savings', collapsed: false } as const]),
    ...chartBlock(curvesChart(context)),
    ...(paired === null
      ? []
      : [{ kind: 'table', table: paired, file: 'paired-differences', collapsed: true } as const]),
    ...perFamily(fixedSizeChart),
    ...chartBlock(heldOutChart(context)),
    ...chartBlock(residualsChart(context)),
    ...breakdownCharts(context).map((chart): Block => ({ kind: 'chart', chart })),
    ...chartBlock(throughputChart(context)),
  ];
  return { id: 'evidence', title: 'Evidence', blocks };
}

/** Exponents of loss, optimal size and optimal tokens against compute. */
function lawsTable({ analysis, archs }: ReportContext): Table | null {
  const order = archs.map((a) => a.arch);
  const rows = [...analysis.frontier]
    .sort((a, b) => order.indexOf(a.arch) - order.indexOf(b.arch))
    .flatMap(({ arch, positions, law, optimalFlopsPerToken, optimalParamsNonEmbedding, optimalTokens }) =>
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
              params: shortInterval(optimalParamsNonEmbedding?.exponent ?? null, roughExponent),
              tokens: shortInterval(optimalTokens?.exponent ?? null, roughExponent),
              inSampleError: law.inSampleError,
              budgets: law.nPoints,
              from: law.range[0],
              to: law.range[1],
              range: `${formatPowerOfTen(law.range[0], 2)} to ${formatPowerOfTen(law.range[1], 2)}`,
            },
          ],
    );
  if (rows.length === 0) return null;
  return {
    caption:
      'Power laws against training compute C: exponents with 95% intervals (parameters without embeddings)',
    dataset: datasetOf(
      [
        'arch',
        'positions',
        'exponent',
        'loss',
        'coefficient',
        'size',
        'params',
        'tokens',
        'inSampleError',
        'budgets',
        'from',
        'to',
        'range',
      ],
      rows,
    ),
    columns: [
      { field: 'arch', label: 'Architecture' },
      { field: 'loss', label: 'Loss' },
      { field: 'size', label: 'Optimal size (FLOPs per token)' },
      { field: 'params', label: 'Optimal parameters' },
      { field: 'tokens', label: 'Optimal tokens' },
      { field: 'inSampleError', label: 'Mean error', format: (share) => `${(share * 100).toFixed(2)}%` },
      { field: 'range', label: 'Range, FLOPs' },
    ],
  };
}

function exponentText(exponent: number): string {
  return `${exponent < 0 ? '\u2212' : ''}${Math.abs(exponent).toFixed(3)}`;
}

/** Exponents of sizes are known to two decimals at best. */
function roughExponent(exponent: number): string {
  return `${exponent < 0 ? '\u2212' : ''}${Math.abs(exponent).toFixed(2)}`;
}

function parallelSentences({ analysis }: ReportContext): Rich[] {
  return analysis.parallel
    .filter((test) => test.archs.length > 1)
    .map((test) => {
      const who = `The frontiers of ${listInWords(test.archs)} (${test.positions} positions)`;
      const shared = `Their shared exponent is ${shortInterval(test.sharedExponent, exponentText)}.`;
      if (test.rejected === null)
        return rich`${who} could not be tested for being parallel: too few budgets. ${shared}`;
      const p = formatNumber(test.pValue ?? 1, 2);
      return test.rejected
        ? rich`${who} are not parallel in log-log (F test, p = ${p}), so the speedup changes with compute and one factor does not sum it up.`
        : rich`${who} are compatible with parallel lines in log-log (F test, p = ${p}). ${shared}`;
    });
}

/** What else is known of each comparison: is one factor enough, and what could the study have seen. */
function detailsTable({ comparisons }: ReportContext): Table | null {
  const rows = comparisons.flatMap((c) =>
    c.exponentDifference === null && c.power === null && c.pairedStandardDeviation === null
      ? []
      : [
          {
            arch: c.arch,
            baseline: c.baseline,
            exponentDifference: shortInterval(c.exponentDifference, exponentText),
            parallelPValue: c.parallelPValue,
            pureLawFactor: c.pureLawFactor === null ? null : shortFactor(c.pureLawFactor),
            pairedStandardDeviation: c.pairedStandardDeviation,
            detectableFactor: c.power?.detectableFactor ?? null,
            seedsMultiple: c.power?.seedsMultiple ?? null,
          },
        ],
  );
  if (rows.length === 0) return null;
  return {
    caption: 'Details of the comparisons: parallelism, noise and power',
    dataset: datasetOf(
      [
        'arch',
        'baseline',
        'exponentDifference',
        'parallelPValue',
        'pureLawFactor',
        'pairedStandardDeviation',
        'detectableFactor',
        'seedsMultiple',
      ],
      rows,
    ),
    columns: [
      { field: 'arch', label: 'Architecture' },
      { field: 'baseline', label: 'Over' },
      { field: 'exponentDifference', label: 'Difference of exponents (95%)' },
      { field: 'parallelPValue', label: 'p of parallel', format: (p) => formatNumber(p, 2) },
      { field: 'pureLawFactor', label: 'Factor of parallel laws (95%)' },
      {
        field: 'pairedStandardDeviation',
        label: 'Paired standard deviation, nats',
        format: (nats) => formatNumber(nats, 2),
      },
      { field: 'detectableFactor', label: 'Smallest factor told from 1 (80%)', format: formatFactor },
      {
        field: 'seedsMultiple',
        label: 'Seeds needed, multiple',
        format: (multiple) => formatNumber(multiple, 2),
      },
    ],
  };
}

/** The paper's law of absolute savings, where it could be fitted. */
function savingsTable({ comparisons }: ReportContext): Table | null {
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
          },
        ],
  );
  if (rows.length === 0) return null;
  return {
    caption: 'Law of absolute savings: loss = a s^e, with s the FLOPs saved at equal loss and optimal size',
    dataset: datasetOf(
      ['arch', 'baseline', 'exponent', 'law', 'coefficient', 'from', 'to', 'parallelCoefficient'],
      rows,
    ),
    columns: [
      { field: 'arch', label: 'Architecture' },
      { field: 'baseline', label: 'Over' },
      { field: 'law', label: 'Exponent e (95%)' },
      { field: 'coefficient', label: 'Coefficient a', format: (a) => formatNumber(a, 4) },
      { field: 'parallelCoefficient', label: 'a by parallel frontiers', format: (a) => formatNumber(a, 4) },
      { field: 'from', label: 'Saved from, FLOPs', format: formatPowerOfTen },
      { field: 'to', label: 'to, FLOPs', format: formatPowerOfTen },
    ],
  };
}

/** Differences at equal budget, size and seeds: they need no fit at all. */
function pairedTable({ comparisons }: ReportContext): Table | null {
  const rows = comparisons.flatMap(({ arch, baseline, sameSize }) =>
    sameSize.map((pair) => ({
      arch,
      baseline,
      budgetFlops: pair.budgetFlops,
      size: pair.size,
      seeds: pair.nSeeds,
      differenceNats: pair.differenceNats.value,
      low: pair.differenceNats.low,
      high: pair.differenceNats.high,
      label: shortInterval(pair.differenceNats, signedNats),
    })),
  );
  if (rows.length === 0) return null;
  return {
    caption:
      'Paired differences of test loss at equal budget, size and seed (architecture minus baseline; negative is better)',
    dataset: datasetOf(
      ['arch', 'baseline', 'budgetFlops', 'size', 'seeds', 'differenceNats', 'low', 'high', 'label'],
      rows,
    ),
    columns: [
      { field: 'arch', label: 'Architecture' },
      { field: 'baseline', label: 'Minus' },
      { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
      { field: 'size', label: 'Size' },
      { field: 'seeds', label: 'Seeds' },
      { field: 'label', label: 'Difference, nats (95%)' },
    ],
  };
}
