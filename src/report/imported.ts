/** Reports of imported runs: that they are, and where they come from, in place of how to train them again. */
import { importFactsSchema, type ImportFacts } from '../store/imported.js';
import type { Study } from '../store/study.js';
import type { Block, Section } from './document.js';
import { counted, formatLoss, formatPowerOfTen, formatShortCount } from './format.js';
import { code, rich } from './rich.js';
import { datasetOf, type Table } from './table.js';

/** Where a study's runs were imported from; null for runs of one's own. */
export function importFacts(study: Study): ImportFacts | null {
  const imported = study.sweep.resolved['imported'];
  return imported === undefined ? null : importFactsSchema.parse(imported);
}

/** Stands where a sweep of one's own says how to reproduce it. */
export function importedSection(study: Study, facts: ImportFacts): Section {
  const columns = Object.entries(facts.columns).map(([field, column]) => `${field} from ${column}`);
  const blocks: Block[] = [
    {
      kind: 'prose',
      text: rich`These runs were imported from a file: losses, compute and sizes are as it gives them, and nothing here can tell how they were trained. ${code(`isoloss import runs ${facts.file} --name ${study.sweep.name}`)} with the columns below takes them in again.`,
    },
    {
      kind: 'facts',
      facts: [
        ['File', rich`${facts.file} (SHA-256 ${code(facts.fileSha256)})`],
        ['Imported, UTC', rich`${facts.importedAt.slice(0, 16).replace('T', ' ')}`],
        ['Runs', rich`${counted(study.fitRows.length, 'run')}`],
        ['Columns', rich`${columns.join(', ')}`],
        ['Parameters', rich`${facts.paramsConvention}`],
      ],
    },
    { kind: 'table', table: rowsTable(study), file: 'runs', collapsed: true },
  ];
  return { id: 'reproduce', title: 'Where the runs come from', blocks };
}

function rowsTable({ fitRows }: Study): Table {
  const columns = [
    'id',
    'arch',
    'positions',
    'budgetFlops',
    'params',
    'tokens',
    'flops',
    'seed',
    'lossNats',
  ] as const;
  return {
    caption: 'All imported runs',
    dataset: datasetOf(
      columns,
      fitRows.map((row) => ({ ...row, params: row.paramsNonEmbedding })),
    ),
    columns: [
      { field: 'id', label: 'Run' },
      { field: 'arch', label: 'Architecture' },
      { field: 'positions', label: 'Positions' },
      { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
      { field: 'params', label: 'Parameters', format: formatShortCount },
      { field: 'tokens', label: 'Tokens', format: formatShortCount },
      { field: 'flops', label: 'FLOPs', format: formatPowerOfTen },
      { field: 'seed', label: 'Seed' },
      { field: 'lossNats', label: 'Loss, nats', format: formatLoss },
    ],
  };
}
