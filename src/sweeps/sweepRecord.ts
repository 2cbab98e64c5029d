/** sweep.json of a plan: what a report has to know of the sweep without its file, corpus or tuned rates at hand. */
import { isAbsolute } from 'node:path';
import { corpusDescription } from '../data/corpus.js';
import { unigramEntropyNats } from '../data/evaluation.js';
import type { SweepRecord } from '../store/record.js';
import { resolveArchitecture } from './cells.js';
import { CATALOGUE, type SweepPlan } from './plan.js';
import { transferTrials } from './transfer.js';
import { readTunedRates, type TunedSpec, tunedSpecOf } from './tuned.js';

/** sweep.json of a plan. Its `resolved` holds `settings`, `corpus`, `tuning`, `transferCheck` and `notices`. */
export function sweepRecord(plan: SweepPlan): SweepRecord {
  const { loaded, corpus, runs, notices } = plan;
  const { sweep, source, sourceSha256 } = loaded;
  const described = corpusDescription(corpus);
  const rates = tunedSpecOf(sweep);
  const tuning = rates === null ? null : tuningOf(plan, rates);
  const transferCheck = rates?.check === true ? transferTrials(plan.resultsDir, sweep.name, runs) : [];
  return {
    format: 1,
    name: sweep.name,
    title: sweep.title ?? null,
    description: sweep.description ?? null,
    source,
    sourceSha256,
    resolved: {
      settings: sweep,
      corpus: {
        ...described,
        // Where the files lie on this machine is nobody else's business, and would be in every published report.
        origin: isAbsolute(described.origin) ? sweep.corpus : described.origin,
        testUnigramEntropyNats: unigramEntropyNats(corpus.test, corpus.vocabSize),
      },
      tuning,
      ...(transferCheck.length > 0 ? { transferCheck } : {}),
      notices,
    },
    baselines: sweep.baselines.map((name) => resolveArchitecture(name, CATALOGUE).label),
    runs: runs.map((run) => ({
      runKey: run.runKey,
      arch: run.architecture.label,
      positions: run.architecture.positions,
      budgetFlops: run.budgetFlops,
      dModel: run.setup.model.dModel,
      nLayers: run.setup.model.nLayers,
      seed: run.setup.seed,
    })),
  };
}

/** The tuning that a sweep's rates come from, without where it lies on this machine. */
function tuningOf(plan: SweepPlan, spec: TunedSpec): unknown {
  const { sweeps, files, rates } = readTunedRates(plan.loaded, spec);
  const { chosenOn, protocol } = files[0]!;
  return { sweeps, chosenOn, protocol, rates };
}
