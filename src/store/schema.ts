/**
 * The tables of the index, as migrations. Column names are those of run.json, metrics.jsonl and the fit row.
 *
 * The index holds nothing that the run directories don't, so a migration that can't carry data over empties `sources`:
 * everything is read again.
 */

export interface Migration {
  /** `user_version` after it. */
  readonly version: number;
  readonly sql: string;
}

/** A column computed from the run's setup, so that it can't disagree with it. */
function fromSetup(column: string, type: 'TEXT' | 'INTEGER' | 'REAL', path: string): string {
  return `${column} ${type} AS (json_extract(setup, '$.${path}')) STORED`;
}

const setupColumns = [
  fromSetup('preset', 'TEXT', 'model.preset'),
  fromSetup('positions', 'TEXT', 'model.positions'),
  fromSetup('vocabSize', 'INTEGER', 'model.vocabSize'),
  fromSetup('contextLength', 'INTEGER', 'model.contextLength'),
  fromSetup('dModel', 'INTEGER', 'model.dModel'),
  fromSetup('nLayers', 'INTEGER', 'model.nLayers'),
  fromSetup('nHeads', 'INTEGER', 'model.nHeads'),
  fromSetup('dHead', 'INTEGER', 'model.dHead'),
  fromSetup('dFf', 'INTEGER', 'model.dFf'),
  fromSetup('tiedEmbeddings', 'INTEGER', 'model.tiedEmbeddings'),
  fromSetup('init', 'TEXT', 'model.init'),
  fromSetup('optimizer', 'TEXT', 'optimizer.kind'),
  fromSetup('learningRate', 'REAL', 'optimizer.learningRate'),
  fromSetup('weightDecay', 'REAL', 'optimizer.weightDecay'),
  fromSetup('clipNorm', 'REAL', 'optimizer.clipNorm'),
  fromSetup('schedule', 'TEXT', 'schedule.kind'),
  fromSetup('steps', 'INTEGER', 'steps'),
  fromSetup('batchSize', 'INTEGER', 'batchSize'),
  fromSetup('seed', 'INTEGER', 'seed'),
  fromSetup('corpus', 'TEXT', 'corpus'),
  fromSetup('evalTokens', 'INTEGER', 'evalTokens'),
  fromSetup('precision', 'TEXT', 'precision'),
].join(',\n  ');

// In `runs` the long JSON columns come last: a question that does not ask for them need not read past them.
const initialTables = `
CREATE TABLE sweeps (
  sweep TEXT PRIMARY KEY,
  title TEXT,
  description TEXT,
  source TEXT NOT NULL,
  sourceSha256 TEXT NOT NULL,
  resolved TEXT NOT NULL,
  baselines TEXT NOT NULL
) STRICT;

CREATE TABLE sweep_runs (
  sweep TEXT NOT NULL REFERENCES sweeps ON DELETE CASCADE,
  runKey TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  arch TEXT NOT NULL,
  positions TEXT NOT NULL,
  budgetFlops REAL NOT NULL,
  dModel INTEGER NOT NULL,
  nLayers INTEGER NOT NULL,
  seed INTEGER NOT NULL,
  PRIMARY KEY (sweep, runKey)
) STRICT;
CREATE INDEX sweep_runs_by_run ON sweep_runs (runKey);

CREATE TABLE runs (
  runId INTEGER PRIMARY KEY,
  runKey TEXT NOT NULL UNIQUE,
  homeSweep TEXT NOT NULL,
  directory TEXT NOT NULL,
  arch TEXT NOT NULL,
  status TEXT NOT NULL,
  cause TEXT,
  stepsDone INTEGER NOT NULL,
  valLossNats REAL,
  valBitsPerByte REAL,
  valTokens INTEGER,
  testLossNats REAL,
  testBitsPerByte REAL,
  testTokens INTEGER,
  paramsTotal INTEGER NOT NULL,
  paramsNonEmbedding INTEGER NOT NULL,
  paramsActive INTEGER NOT NULL,
  tokensPerStep INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  epochs REAL NOT NULL,
  flopsPerStep REAL NOT NULL,
  flopsMatmulPerStep REAL NOT NULL,
  flops REAL NOT NULL,
  flopsMatmul REAL NOT NULL,
  budgetFlops REAL NOT NULL,
  trunk TEXT NOT NULL,
  cell TEXT NOT NULL,
  engine TEXT,
  engineVersion TEXT,
  cpuModel TEXT,
  threads INTEGER,
  stepsPerCall INTEGER,
  nodeVersion TEXT,
  isolossVersion TEXT,
  host TEXT,
  startedAt TEXT,
  finishedAt TEXT,
  trainSeconds REAL,
  resumes INTEGER,
  ${setupColumns},
  setup TEXT NOT NULL,
  keyParts TEXT NOT NULL,
  paramsByGroup TEXT NOT NULL,
  flopsByKind TEXT NOT NULL
) STRICT;

CREATE TABLE train_metrics (
  runId INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  step INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  flops REAL NOT NULL,
  lossNats REAL,
  lr REAL NOT NULL,
  gradNorm REAL,
  wallSeconds REAL NOT NULL,
  PRIMARY KEY (runId, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE eval_metrics (
  runId INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  split TEXT NOT NULL,
  metric TEXT NOT NULL,
  step INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  lossNats REAL,
  bitsPerByte REAL,
  byDocument TEXT,
  PRIMARY KEY (runId, split, metric, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE timing_sets (
  sweep TEXT PRIMARY KEY,
  hardware TEXT NOT NULL,
  measuredAt TEXT NOT NULL,
  probeGflops TEXT NOT NULL
) STRICT;

CREATE TABLE timings (
  sweep TEXT NOT NULL REFERENCES timing_sets ON DELETE CASCADE,
  arch TEXT NOT NULL,
  dModel INTEGER NOT NULL,
  nLayers INTEGER NOT NULL,
  dFf INTEGER NOT NULL,
  batchSize INTEGER NOT NULL,
  contextLength INTEGER NOT NULL,
  vocabSize INTEGER NOT NULL,
  secondsPerStep REAL NOT NULL,
  madSeconds REAL NOT NULL,
  rounds INTEGER NOT NULL,
  PRIMARY KEY (sweep, arch, dModel, nLayers, dFf, batchSize, contextLength, vocabSize)
) STRICT;

CREATE TABLE source_problems (
  path TEXT NOT NULL,
  problem TEXT NOT NULL
) STRICT;
CREATE INDEX source_problems_by_path ON source_problems (path);

CREATE TABLE sources (
  path TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  fingerprint TEXT NOT NULL
) STRICT;

CREATE TABLE run_copies (
  directory TEXT PRIMARY KEY,
  runKey TEXT NOT NULL,
  sweep TEXT NOT NULL,
  status TEXT NOT NULL,
  stepsDone INTEGER NOT NULL,
  testLossNats REAL
) STRICT;
CREATE INDEX run_copies_by_run ON run_copies (runKey);
`;

const importedTables = `
CREATE TABLE imported_sets (
  sweep TEXT PRIMARY KEY,
  title TEXT,
  baselines TEXT NOT NULL,
  facts TEXT NOT NULL
) STRICT;

CREATE TABLE imported_runs (
  sweep TEXT NOT NULL REFERENCES imported_sets ON DELETE CASCADE,
  ordinal INTEGER NOT NULL,
  id TEXT NOT NULL,
  arch TEXT NOT NULL,
  positions TEXT NOT NULL,
  seed INTEGER NOT NULL,
  trunk TEXT NOT NULL,
  dModel REAL,
  nLayers REAL,
  params REAL NOT NULL,
  tokens REAL NOT NULL,
  steps REAL,
  flops REAL NOT NULL,
  flopsMatmul REAL,
  budgetFlops REAL NOT NULL,
  secondsPerStep REAL,
  hardware TEXT,
  lossNats REAL NOT NULL,
  PRIMARY KEY (sweep, id)
) STRICT;
`;

const branchColumns = `
ALTER TABLE runs ADD COLUMN branchRunKey TEXT;
ALTER TABLE runs ADD COLUMN branchStep INTEGER;
DELETE FROM sources;
`;

const deviceColumn = `
ALTER TABLE runs ADD COLUMN device TEXT;
DELETE FROM sources;
`;

/** In order; the last one's version is that of this isoloss. */
export const migrations: readonly Migration[] = [
  { version: 1, sql: initialTables },
  { version: 2, sql: importedTables },
  { version: 3, sql: branchColumns },
  { version: 4, sql: deviceColumn },
];
