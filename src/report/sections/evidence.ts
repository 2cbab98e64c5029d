/** The evidence: every chart behind the answer, and the tables of the laws. */
import { breakdownCharts } from '../charts/breakdown.js';
import { curvesChart } from '../charts/curves.js';
import { fixedSizeChart } from '../charts/fixedSize.js';
import { frontierChart } from '../charts/frontier.js';
import { heldOutChart } from '../charts/heldOut.js';
import { isoflopChart } from '../charts/isoflop.js';
import { optimalSizeChart } from '../charts/optimalSize.js';
import { residualsChart } from '../charts/residuals.js';
import { savingsChart } from '../charts/savings.js';
import { sizesChart } from '../charts/sizes.js';
import { speedupCurveChart } from '../charts/speedupCurve.js';
import { throughputChart } from '../charts/throughput.js';
import type { Chart } from '../charts/chart.js';
import type { ReportContext } from '../context.js';
import { chartBlock, type Block, type Section } from '../document.js';
import { rich } from '../rich.js';
import type { Table } from '../table.js';
import { comparisonsTable, detailsTable, pairedTable } from './comparisons.js';
import { budgetSpeedupsTable, contrastsTable, factorsByBudgetTable, ownNoiseTable } from './factors.js';
import { conventionsTable, lawsTable, parallelSentences, savingsSentences, savingsTable } from './laws.js';

type FamilyChart = (context: ReportContext, family: string) => Chart | null;

export function evidenceSection(context: ReportContext): Section {
  const { families } = context;
  const [main, ...others] = families;
  const perFamily = (draw: FamilyChart): Block[] =>
    families.flatMap((family) => chartBlock(draw(context, family)));
  // What a chart shows is said once, at the first family.
  const alike = (draw: FamilyChart): Block[] => {
    const first = main === undefined ? null : draw(context, main);
    return first === null
      ? perFamily(draw)
      : [first, ...others.map((family) => draw(context, family))].flatMap((chart, i) =>
          chart === null || i === 0
            ? chartBlock(chart)
            : chartBlock({ ...chart, caption: rich`As above, with ${families[i]!} positions.` }),
        );
  };
  const blocks: Block[] = [
    ...tableBlock(factorsByBudgetTable(context), 'speedups-by-budget'),
    ...tableBlock(comparisonsTable(context), 'speedups', true),
    ...tableBlock(budgetSpeedupsTable(context), 'budget-speedups', true),
    ...tableBlock(contrastsTable(context), 'contrasts', true),
    ...tableBlock(ownNoiseTable(context), 'own-noise', true),
    ...alike(frontierChart),
    ...alike(sizesChart),
    ...tableBlock(lawsTable(context), 'laws'),
    ...tableBlock(conventionsTable(context), 'size-laws', true),
    ...parallelSentences(context).map((text): Block => ({ kind: 'prose', text })),
    ...tableBlock(detailsTable(context), 'comparisons', true),
    ...perFamily(isoflopChart),
    ...alike(optimalSizeChart),
    ...alike(speedupCurveChart),
    ...perFamily(savingsChart),
    ...tableBlock(savingsTable(context), 'savings-laws'),
    ...savingsSentences(context).map((text): Block => ({ kind: 'prose', text })),
    ...chartBlock(curvesChart(context)),
    ...tableBlock(pairedTable(context), 'paired-differences', true),
    ...alike(fixedSizeChart),
    ...chartBlock(heldOutChart(context)),
    ...chartBlock(residualsChart(context)),
    ...breakdownCharts(context).map((chart): Block => ({ kind: 'chart', chart })),
    ...chartBlock(throughputChart(context)),
  ];
  return { id: 'evidence', title: 'Evidence', blocks };
}

/** A block for a table that may not exist; `file` names its CSV. */
function tableBlock(table: Table | null, file: string, collapsed = false): Block[] {
  return table === null ? [] : [{ kind: 'table', table, file, collapsed }];
}
