/** Families of positions: which architectures play the same part in several of them, and so which comparisons repeat. */
import type { Contrast, Speedup } from '../fit/comparison.js';
import { isBaseline } from '../fit/warnings.js';
import type { Study } from '../store/study.js';

export interface ArchInfo {
  readonly arch: string;
  readonly preset: string;
  readonly positions: string;
  /** The preset of the first family that it corresponds to (`primer-ez` for `t5-primer-ez`); its own name where none. */
  readonly part: string;
}

/**
 * Presets named after another code base that are, in it, what these are among the others: the paper's T5 models are its
 * Transformers with relative positions, llama is Transformer++ with rotary ones.
 */
const PARTS: Readonly<Record<string, string>> = {
  t5: 'transformer',
  't5++': 'transformer++',
  't5-primer-ez': 'primer-ez',
  't5-primer': 'primer',
  llama: 'transformer++',
  'llama-primer-ez': 'primer-ez',
};

/** Architectures that have a run, family by family: its baselines first, then the others as the sweep lists them. */
export function archInfos(study: Study): ArchInfo[] {
  const found = new Map<string, { arch: string; preset: string; positions: string }>();
  for (const run of study.runs) {
    const { preset, positions } = run.setup.model;
    if (!found.has(run.arch)) found.set(run.arch, { arch: run.arch, preset, positions });
  }
  // Imported runs are rows alone.
  for (const { arch, positions } of study.fitRows) {
    if (!found.has(arch)) found.set(arch, { arch, preset: arch, positions });
  }
  const listed = [...new Set(study.sweep.runs.map((run) => run.arch))].filter((arch) => found.has(arch));
  const baselines = study.sweep.baselines.filter((arch) => found.has(arch));
  const ordered = [...new Set([...baselines, ...listed, ...found.keys()])].map((arch) => found.get(arch)!);
  const families = [...new Set(ordered.map((info) => info.positions))];
  const infos = families.flatMap((family) => ordered.filter((info) => info.positions === family));
  return infos.map((info) => {
    const part = PARTS[info.preset] ?? info.preset;
    const isTaken = infos.some((other) => other.positions === info.positions && other.preset === part);
    return { ...info, part: isTaken ? info.preset : part };
  });
}

/** The same comparison in one family or more. */
export interface Claim {
  /** Parts, not labels: `primer-ez` over `transformer`. */
  readonly arch: string;
  readonly baseline: string;
  /** In the order of the families. */
  readonly entries: readonly Speedup[];
}

/** Comparisons grouped by what they compare, in the order in which they first appear. */
export function claimsOf(infos: readonly ArchInfo[], comparisons: readonly Speedup[]): Claim[] {
  const partOf = (arch: string): string => infos.find((info) => info.arch === arch)?.part ?? arch;
  const claims = new Map<string, { arch: string; baseline: string; entries: Speedup[] }>();
  for (const comparison of comparisons) {
    const names = { arch: partOf(comparison.arch), baseline: partOf(comparison.baseline) };
    const key = JSON.stringify(names);
    const claim = claims.get(key) ?? { ...names, entries: [] };
    claim.entries.push(comparison);
    claims.set(key, claim);
  }
  return [...claims.values()];
}

/** The comparisons that repeat in another family, each family's beside those of all before it, for `analyse`. */
export function contrastPairs(study: Study): Pick<Contrast, 'first' | 'other'>[] {
  const infos = archInfos(study);
  const families = [...new Set(infos.map((info) => info.positions))];
  const pairs = families.flatMap((family) =>
    infos
      .filter((info) => info.positions === family && isBaseline(info.arch, study.sweep.baselines))
      .flatMap((baseline) =>
        infos
          .filter((info) => info.positions === family && info.arch !== baseline.arch)
          .map((info) => ({
            key: JSON.stringify([info.part, baseline.part]),
            name: { arch: info.arch, baseline: baseline.arch },
          })),
      ),
  );
  // Of two baselines each is compared with the other, and one of the two says it all.
  const once = pairs.filter(
    ({ name }, i) =>
      !pairs
        .slice(0, i)
        .some(({ name: other }) => other.arch === name.baseline && other.baseline === name.arch),
  );
  return once.flatMap((first, i) =>
    once
      .slice(i + 1)
      .filter(({ key }) => key === first.key)
      .map((other) => ({ first: first.name, other: other.name })),
  );
}
