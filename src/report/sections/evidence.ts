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
import type { ReportContext } from '../context.js';
import { chartBlock, type Block, type Section } from '../document.js';
import type { Table } from '../table.js';
import { comparisonsTable, contrastsTable, detailsTable, pairedTable } from './comparisons.js';
import { conventionsTable, lawsTable, parallelSentences, savingsSentences, savingsTable } from './laws.js';

export function evidenceSection(context: ReportContext): Section {
  const { families } = context;
  const perFamily = (
    chart: (context: ReportContext, family: string) => ReturnType<typeof frontierChart>,
  ): Block[] => families.flatMap((family) => chartBlock(chart(context, family)));
  const blocks: Block[] = [
    ...tableBlock(comparisonsTable(context), 'speedups'),
    ...tableBlock(contrastsTable(context), 'contrasts', true),
    ...perFamily(frontierChart),
    ...perFamily(sizesChart),
    ...tableBlock(lawsTable(context), 'laws'),
    ...tableBlock(conventionsTable(context), 'size-laws', true),
    ...parallelSentences(context).map((text): Block => ({ kind: 'prose', text })),
    ...tableBlock(detailsTable(context), 'comparisons', true),
    ...perFamily(isoflopChart),
    ...perFamily(optimalSizeChart),
    ...perFamily(speedupCurveChart),
    ...perFamily(savingsChart),
    ...tableBlock(savingsTable(context), 'savings-laws'),
    ...savingsSentences(context).map((text): Block => ({ kind: 'prose', text })),
    ...chartBlock(curvesChart(context)),
    ...tableBlock(pairedTable(context), 'paired-differences', true),
    ...perFamily(fixedSizeChart),
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
