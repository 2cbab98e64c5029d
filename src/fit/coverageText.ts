/** A coverage report as text for a terminal. */
import type { CoverageReport } from './coverage.js';

const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;

/** Intervals whose coverage lies outside of these are to be called approximate. */
const GOOD_COVERAGE = [0.92, 0.98] as const;

export function coverageText({
  design,
  studies,
  bootstraps,
  nRuns,
  coverage,
  verdicts,
}: CoverageReport): string {
  const lines = [
    `${design}: ${studies} simulated studies of ${nRuns} runs, ${bootstraps} bootstrap draws each`,
    '',
    '95% intervals that hold the truth:',
    ...coverage.map(({ quantity, covered, standardError, available, width }) => {
      const good = covered >= GOOD_COVERAGE[0] && covered <= GOOD_COVERAGE[1];
      const size = quantity.startsWith('speedup')
        ? `times or over ${Math.exp(width / 2).toFixed(3)}`
        : `+- ${(width / 2).toPrecision(2)}`;
      return `  ${quantity}: ${percent(covered)} (standard error ${percent(standardError)})${good ? '' : ', approximate'}; typically ${size}; ${percent(available)} of them can be given`;
    }),
    '',
    'Verdicts:',
    ...verdicts.map(
      ({ arch, baseline, trueFactor, better, worse, notToldApart, withoutInterval }) =>
        `  ${arch} over ${baseline}, truly ${trueFactor.toFixed(2)}: better ${percent(better)}, worse ${percent(worse)}, ` +
        `not told apart ${percent(notToldApart)}, no interval ${percent(withoutInterval)}`,
    ),
  ];
  return lines.join('\n');
}
