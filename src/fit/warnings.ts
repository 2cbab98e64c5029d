/** What a reader has to be careful with, as plain sentences. */
import { grouped } from './grouped.js';
import { noiseByGroup, scatteredCells } from './noise.js';
import type {
  Cell,
  Frontier,
  HeldOutPrediction,
  IsoflopFit,
  OwnNoise,
  ParallelTest,
  SaturatingLaw,
} from './analysis.js';
import type { Speedup } from './comparison.js';
import type { Study } from './cells.js';
import { POINTS_FOR_IRREDUCIBLE_LOSS } from './forms.js';
import { SURPRISING } from './reading.js';

/** FLOPs as people write them: 3e+11 is 3e11. */
function formatFlops(flops: number): string {
  return Number(flops.toPrecision(3)).toExponential().replace('e+', 'e');
}

/** A p-value; smaller ones are all alike. */
function pText(p: number): string {
  return p < 0.001 ? 'p < 0.001' : `p = ${p.toPrecision(2)}`;
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`;
}

/** The findings that the sentences are made of. */
export interface Findings {
  readonly isoflop: readonly IsoflopFit[];
  readonly frontier: readonly Frontier[];
  readonly parallel: readonly ParallelTest[];
  readonly speedup: readonly Speedup[];
  readonly heldOut: readonly HeldOutPrediction[];
  readonly ownNoise: OwnNoise | null;
}

function noiseWarnings(study: Study, ownNoise: OwnNoise | null): string[] {
  if (study.seedNoise === null) {
    return [
      'No seed is repeated, so the noise between seeds is unknown: no number has an interval and nothing can be told apart.',
    ];
  }
  const { degreesOfFreedom, standardDeviation } = study.seedNoise;
  if (standardDeviation === 0) {
    return [
      'Repeated seeds have exactly equal losses, so they are copies: no number has an interval and nothing can be told apart.',
    ];
  }
  const few =
    degreesOfFreedom < 5
      ? [
          `The noise between seeds rests on ${degreesOfFreedom} repeated ${degreesOfFreedom === 1 ? 'run' : 'runs'}, so intervals are rough.`,
        ]
      : [];
  const scattered = scatteredCells(study.cells).map(
    ({ arch, size, budgetFlops, losses }) =>
      `The seeds of ${arch} ${size} at ${formatFlops(budgetFlops)} FLOPs end between ${Math.min(...losses).toFixed(3)} and ${Math.max(...losses).toFixed(3)} nats, ` +
      'far wider than the others: its learning rate may be close to where training gets unstable, and intervals, which take one noise for all, are too narrow there.',
  );
  return [...few, ...unequalNoise(study, standardDeviation, ownNoise), ...scattered];
}

/** Where families or budgets differ in the noise of their seeds: intervals and tests take one for all. */
function unequalNoise({ cells }: Study, pooled: number, ownNoise: OwnNoise | null): string[] {
  const kinds = [
    {
      differ: 'families of positions',
      nameOf: (cell: Cell) => cell.positions,
      beside: ownNoise?.factors.length
        ? '; the factors are given with the noise of their own family too'
        : '',
    },
    { differ: 'budgets', nameOf: (cell: Cell) => `${formatFlops(cell.budgetFlops)} FLOPs`, beside: '' },
  ];
  return kinds.flatMap(({ differ, nameOf, beside }) => {
    const found = noiseByGroup(cells, nameOf);
    if (found === null || found.pValue >= SURPRISING) return [];
    const each = found.groups.map(({ name, noise }) => `${noise.standardDeviation.toFixed(4)} with ${name}`);
    return [
      `Seeds scatter unequally by ${differ} (Bartlett, ${pText(found.pValue)}): ${listed(each)}, in nats. ` +
        `Intervals and tests take ${pooled.toFixed(4)} for all: where seeds scatter more they are too sure, by about that ratio, and where less not sure enough${beside}.`,
    ];
  });
}

/** More architectures than this with the same finding are counted, not named; tables have them all. */
const MOST_NAMED = 6;

/** One sentence for each finding, with all the architectures and budgets that it holds for. */
function isoflopWarnings(isoflop: readonly IsoflopFit[]): string[] {
  const found = isoflop.flatMap((fit): [string, IsoflopFit][] => {
    const { accepted, reason, flags, lackOfFit } = fit;
    const findings = [...(accepted ? [] : [`left out of the law. ${reason ?? ''}`]), ...flags];
    if (lackOfFit !== null && lackOfFit.pValue < SURPRISING) {
      findings.push('The losses lie further off the parabola than seed noise explains.');
    }
    return findings.map((finding) => [finding, fit]);
  });
  return [...grouped(found)].map(([finding, fits]) => `${placesOf(fits)}: ${finding}`);
}

/** `primer and t5 at 3e11 and 1e12 FLOPs; transformer at 1e12 FLOPs`. */
function placesOf(fits: readonly IsoflopFit[]): string {
  const budgetsOf = grouped(fits.map(({ arch, budgetFlops }) => [arch, formatFlops(budgetFlops)] as const));
  const archsAt = grouped([...budgetsOf].map(([arch, budgets]) => [listed(budgets), arch] as const));
  return [...archsAt]
    .map(([place, archs]) => {
      const names = archs.length > MOST_NAMED ? `${archs.length} architectures` : listed(archs);
      return `${names} at ${place} FLOPs`;
    })
    .join('; ');
}

function lawWarnings({ frontier, parallel, speedup, heldOut }: Findings): string[] {
  const warnings: string[] = [];
  const few = frontier.filter(({ law }) => law !== null && law.nPoints < POINTS_FOR_IRREDUCIBLE_LOSS);
  if (few.length > 0) {
    warnings.push(
      `Fewer than ${POINTS_FOR_IRREDUCIBLE_LOSS} budgets under the law of ${listed(few.map(({ arch }) => arch))}: ` +
        'only the law without irreducible loss is fitted, and it says nothing beyond the measured range.',
    );
  }
  const exact = frontier.filter(({ law }) => law?.nPoints === 2);
  if (exact.length > 0) {
    warnings.push(
      `The law of ${listed(exact.map(({ arch }) => arch))} goes through 2 budgets exactly, so nothing checks that it is one.`,
    );
  }
  for (const { arch, law } of frontier) {
    if (law !== null && law.exponent.value >= 0)
      warnings.push(`The loss of ${arch} does not fall with compute.`);
  }
  const off = frontier.flatMap(({ arch, lackOfFit, reading }): [string, string][] =>
    lackOfFit !== null && reading === 'optima' ? [[pText(lackOfFit.pValue), arch]] : [],
  );
  for (const [p, alike] of grouped(off)) {
    const several = alike.length > 1;
    warnings.push(
      `The optima of ${listed(alike)} lie further off their power ${several ? 'laws' : 'law'} than seed noise explains (${p}): ` +
        `the ${several ? 'laws are' : 'law is'} an approximation over this range, and speedups over or of ${several ? 'them' : 'it'} are read between optima instead, those of both architectures.`,
    );
  }
  for (const { arch, saturating } of frontier) {
    const evidence = saturating && evidenceFor(saturating);
    if (evidence) {
      const { value, low, high } = saturating.irreducibleLoss;
      const interval = low === null || high === null ? '' : ` (${low.toFixed(3)} to ${high.toFixed(3)})`;
      warnings.push(
        `A law with an irreducible loss of ${value.toFixed(3)}${interval} describes ${arch} better (${evidence}); ` +
          'speedups are read without it, inside the measured range.',
      );
    }
  }
  const bent = new Set(frontier.filter(({ reading }) => reading === 'optima').map(({ arch }) => arch));
  for (const { positions, archs, rejected, pValue } of parallel) {
    // Where one is no law there are no two slopes to compare, and the warning of that says what follows.
    if (rejected && !archs.some((arch) => bent.has(arch))) {
      warnings.push(
        `The frontiers of ${listed(archs)} (${positions} positions) are not parallel (${pText(pValue ?? 0)}): ` +
          'the speedup changes with compute, and one factor does not sum it up.',
      );
    }
  }
  const differing = speedup
    .filter(({ matmulDiffers }) => matmulDiffers)
    .map(({ arch, baseline }) => `${arch} over ${baseline}`);
  if (differing.length > 0) {
    warnings.push(
      `Counted in all FLOPs and in matrix FLOPs, ${differing.length === 1 ? 'the speedup' : 'speedups'} of ${listed(differing)} differ${differing.length === 1 ? 's' : ''} by more than 1%; both are given.`,
    );
  }
  // Of several laws that predict one budget, the one through most of the smaller budgets.
  const isNearest = ({ arch, budgetFlops, fittedBudgets }: HeldOutPrediction): boolean =>
    !heldOut.some(
      (other) =>
        other.arch === arch &&
        other.budgetFlops === budgetFlops &&
        other.fittedBudgets.length > fittedBudgets.length,
    );
  const missed = heldOut.filter((entry) => entry.covered === false && isNearest(entry));
  const errors = missed.map(({ arch, budgetFlops, relativeError }): [string, string] => [
    formatFlops(budgetFlops),
    `${arch} by ${(relativeError * 100).toFixed(2)}%`,
  ]);
  for (const [budget, alike] of grouped(errors)) {
    const several = alike.length > 1;
    warnings.push(
      `${several ? 'Laws' : 'A law'} below ${budget} FLOPs ${several ? 'miss' : 'misses'} the loss measured there, outside of ${several ? 'their intervals' : 'its interval'}: ` +
        `${listed(alike)}. Whoever had stopped below would have extrapolated wrongly.`,
    );
  }
  return warnings;
}

/** What speaks for an irreducible loss; null where nothing does. With 5 points only the noise between seeds is a measure. */
function evidenceFor({ aiccDifference, noisePValue }: SaturatingLaw): string | null {
  if (aiccDifference !== null)
    return aiccDifference < 0 ? `AICc lower by ${(-aiccDifference).toFixed(1)}` : null;
  return noisePValue !== null && noisePValue < SURPRISING ? `${pText(noisePValue)} against seed noise` : null;
}

function scopeWarnings(study: Study, baselines: readonly string[], speedup: readonly Speedup[]): string[] {
  const warnings: string[] = [];
  for (const baseline of baselines) {
    if (!speedup.some((entry) => isBaseline(entry.baseline, [baseline]))) {
      warnings.push(
        `Nothing could be compared with the baseline ${baseline}: no finished run of it, or of another architecture with the same positions.`,
      );
    }
  }
  const families = [...new Set(study.archs.map(({ positions }) => positions))];
  if (families.length === 1 && speedup.length > 0) {
    warnings.push(
      `All runs have ${families[0]!} positions. A claim about an architecture needs a second family, since positions decide much of the difference at small scale.`,
    );
  }
  for (const { arch, status, nRuns } of study.leftOut) {
    warnings.push(`${nRuns} ${nRuns === 1 ? 'run' : 'runs'} of ${arch} left out: ${status}.`);
  }
  return warnings;
}

/** `transformer` names the baseline of every family: `transformer` itself and `transformer@rotary`. */
export function isBaseline(arch: string, baselines: readonly string[]): boolean {
  return baselines.includes(arch) || baselines.includes(arch.split('@')[0]!);
}

/** Sentences in order of weight: noise, laws, minima, scope. */
export function warningsOf(study: Study, baselines: readonly string[], findings: Findings): string[] {
  return [
    ...noiseWarnings(study, findings.ownNoise),
    ...lawWarnings(findings),
    ...isoflopWarnings(findings.isoflop),
    ...scopeWarnings(study, baselines, findings.speedup),
  ];
}
