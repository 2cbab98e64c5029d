/** What the schema alone can't see: names that refer to nothing, cells asked for twice, tuning that is not equal for all. */
import { type ArchitectureCatalogue, isPositions, POSITIONS, splitArchitectureName } from './architecture.js';
import { architectureParts, type Cell, cellsOf, resolveArchitecture } from './cells.js';
import { pathText, type Problem } from './diagnostics.js';
import { flopsText } from './format.js';
import { LIMITS } from './limits.js';
import { didYouMean } from '../ops/nearest.js';
import type { SweepFile, TuneSpec } from './schema.js';

interface CheckContext {
  /** Name of the file without its ending. */
  readonly fileName: string;
  readonly catalogue: ArchitectureCatalogue;
  /** `file:line:column` of a place. */
  readonly at: (path: readonly PropertyKey[]) => string;
}

/** Everything wrong with a sweep that fits the schema. */
export function checkSweep(sweep: SweepFile, context: CheckContext): Problem[] {
  const problems: Problem[] = [];
  if (sweep.name !== context.fileName) {
    const message = `name is "${sweep.name}" but the file is "${context.fileName}"; results go to results/NAME, so the two have to be equal`;
    problems.push({ path: ['name'], atKey: false, message });
  }
  if (sweep.evalTokens < sweep.contextLength) {
    const message = `evalTokens has to be at least contextLength (${sweep.contextLength}), not ${sweep.evalTokens}`;
    problems.push({ path: ['evalTokens'], atKey: false, message });
  }
  problems.push(...checkLogits(sweep), ...checkSizes(sweep), ...checkGrid(sweep));
  const names = [...checkArchitectures(sweep, context.catalogue), ...checkSizeNames(sweep)];
  problems.push(...names);
  if (names.length > 0) return problems;
  const cells = cellsOf(sweep, context.catalogue);
  problems.push(...checkBaselines(sweep, cells, context.catalogue));
  problems.push(...checkRotary(sweep, cells), ...checkObjectives(cells, context.catalogue));
  const duplicates = checkDuplicates(cells, context.at);
  problems.push(...duplicates);
  if (duplicates.length === 0 && isTuning(sweep)) problems.push(...checkEqualTuning(cells));
  return problems;
}

/** Whether every cell is trained over a grid of learning rates. */
export function isTuning(sweep: SweepFile): boolean {
  return typeof sweep.learningRate === 'object' && 'grid' in sweep.learningRate;
}

/** What `tune:` says; null where the sweep does not tune its own rates. */
export function tuneOf({ learningRate }: SweepFile): TuneSpec | null {
  return typeof learningRate === 'object' && 'tune' in learningRate ? learningRate.tune : null;
}

/** What no machine can train takes minutes to be counted and named, so it is refused before. */
function checkLogits({ batchSize, contextLength, vocabSize }: SweepFile): Problem[] {
  const logits = batchSize * contextLength * vocabSize;
  if (logits <= LIMITS.logits) return [];
  const message =
    `batchSize ${batchSize} x contextLength ${contextLength} x vocabSize ${vocabSize} are ${flopsText(logits, 3)} logits a step, ` +
    `of which no more than ${flopsText(LIMITS.logits, 3)} fit any machine; make one of the three smaller`;
  return [{ path: ['batchSize'], atKey: false, message }];
}

function checkSizes(sweep: SweepFile): Problem[] {
  const problems: Problem[] = [];
  const byShape = new Map<string, string>();
  for (const [name, size] of Object.entries(sweep.sizes)) {
    if (size.dHead === undefined && size.dModel % size.nHeads !== 0) {
      const message = `sizes.${name}: dModel ${size.dModel} is not a multiple of nHeads ${size.nHeads}; change one of them or give dHead`;
      problems.push({ path: ['sizes', name, 'nHeads'], atKey: false, message });
    }
    const dHead = size.dHead ?? size.dModel / size.nHeads;
    const shape = JSON.stringify([
      size.dModel,
      size.nLayers,
      size.nHeads,
      dHead,
      size.dFf ?? null,
      size.ffMultiple ?? null,
    ]);
    const twin = byShape.get(shape);
    if (twin !== undefined) {
      const message = `sizes.${name} has the same shape as sizes.${twin}; give one of them up`;
      problems.push({ path: ['sizes', name], atKey: true, message });
    }
    byShape.set(shape, name);
  }
  return problems;
}

function checkGrid(sweep: SweepFile): Problem[] {
  const { learningRate } = sweep;
  const isGrid = typeof learningRate === 'object' && 'grid' in learningRate;
  const place = isGrid ? ['learningRate'] : ['learningRate', 'tune'];
  const grid = isGrid ? learningRate.grid : (tuneOf(sweep)?.grid ?? []);
  return grid.flatMap((rate, i) => {
    const before = grid[i - 1];
    if (before === undefined || Math.abs(rate / before - 2) <= 0.02) return [];
    const message = `${place.join('.')}.grid: ${rate} is not twice ${before}; tuning uses a grid of factor 2, in rising order`;
    return [{ path: [...place, 'grid', i], atKey: false, message }];
  });
}

function checkArchitectures(sweep: SweepFile, catalogue: ArchitectureCatalogue): Problem[] {
  return sweep.cells.flatMap((block, b) =>
    block.architectures.flatMap((entry, a) => {
      const path = ['cells', b, 'architectures', a];
      const { preset, positions } = architectureParts(entry);
      return nameProblems(preset, positions, catalogue).map((message) => ({
        path: typeof entry === 'string' ? path : [...path, 'preset'],
        atKey: false,
        message: `${pathText(path)}: ${message}`,
      }));
    }),
  );
}

/** What is wrong with an architecture's name. */
function nameProblems(
  preset: string,
  positions: string | undefined,
  catalogue: ArchitectureCatalogue,
): string[] {
  const known = catalogue.architectureNames();
  if (!known.includes(preset)) {
    return [`there is no architecture "${preset}".${didYouMean(preset, known)} Known: ${known.join(', ')}`];
  }
  if (positions === undefined || isPositions(positions)) return [];
  return [
    `there are no positions "${positions}".${didYouMean(positions, POSITIONS)} Known: ${POSITIONS.join(', ')}`,
  ];
}

function checkSizeNames(sweep: SweepFile): Problem[] {
  const known = Object.keys(sweep.sizes);
  const check = (names: readonly string[], at: readonly PropertyKey[]): Problem[] =>
    names.flatMap((name, n) => {
      if (known.includes(name)) return [];
      const message = `there is no size "${name}".${didYouMean(name, known)} Sizes of this sweep: ${known.join(', ')}`;
      return [{ path: [...at, n], atKey: false, message }];
    });
  const inCells = sweep.cells.flatMap((block, b) =>
    block.budgets.flatMap((budget, i) => {
      const path = ['cells', b, 'budgets', i];
      return [
        ...check(budget.sizes === 'auto' ? [] : budget.sizes, [...path, 'sizes']),
        ...check(budget.repeat?.sizes ?? [], [...path, 'repeat', 'sizes']),
      ];
    }),
  );
  return [...check(tuneOf(sweep)?.sizes ?? [], ['learningRate', 'tune', 'sizes']), ...inCells];
}

function checkBaselines(
  sweep: SweepFile,
  cells: readonly Cell[],
  catalogue: ArchitectureCatalogue,
): Problem[] {
  const labels = [...new Set(cells.map((cell) => cell.architecture.label))];
  return sweep.baselines.flatMap((name, i) => {
    const { preset, positions } = splitArchitectureName(name);
    const wrong = nameProblems(preset, positions, catalogue);
    const path = ['baselines', i];
    if (wrong.length > 0)
      return wrong.map((message) => ({ path, atKey: false, message: `baselines: ${message}` }));
    const { label } = resolveArchitecture(name, catalogue);
    if (labels.includes(label)) return [];
    const message = `baseline "${label}" is not among the architectures of this sweep.${didYouMean(label, labels)} They are: ${labels.join(', ')}`;
    return [{ path, atKey: false, message }];
  });
}

/** Rotary positions rotate pairs of channels. */
function checkRotary(sweep: SweepFile, cells: readonly Cell[]): Problem[] {
  const rotary = cells.filter((cell) => cell.architecture.positions === 'rotary');
  return [...new Set(rotary.map((cell) => cell.sizeName))].flatMap((sizeName) => {
    const size = sweep.sizes[sizeName]!;
    const dHead = size.dHead ?? size.dModel / size.nHeads;
    if (dHead % 2 === 0) return [];
    const message = `sizes.${sizeName}: rotary positions need heads of even width, not ${dHead}`;
    return [{ path: ['sizes', sizeName], atKey: true, message }];
  });
}

/** The loss of dropped spans is not that of next tokens, so a sweep trains for one of them. */
function checkObjectives(cells: readonly Cell[], { objectiveOf }: ArchitectureCatalogue): Problem[] {
  const first = cells[0];
  if (first === undefined) return [];
  const objective = objectiveOf(first.architecture.preset);
  const other = cells.find(({ architecture }) => objectiveOf(architecture.preset) !== objective);
  if (other === undefined) return [];
  const named = ({ architecture }: Cell): string =>
    `${architecture.label} (${objectiveOf(architecture.preset)})`;
  const message = `${named(other)} and ${named(first)} are trained for different objectives, so their losses can't be compared; put them into sweeps of their own`;
  return [{ path: other.path, atKey: false, message }];
}

function checkDuplicates(cells: readonly Cell[], at: CheckContext['at']): Problem[] {
  const seen = new Map<string, Cell>();
  return cells.flatMap((cell) => {
    const { label } = cell.architecture;
    const key = JSON.stringify([label, cell.sizeName, cell.budgetFlops, cell.seed]);
    const first = seen.get(key);
    if (first === undefined) {
      seen.set(key, cell);
      return [];
    }
    const message = `${label}, size ${cell.sizeName}, ${flopsText(cell.budgetFlops)} FLOPs, seed ${cell.seed} is asked for twice; first at ${at(first.path)}`;
    return [{ path: cell.path, atKey: false, message }];
  });
}

/** Tuning is equal for all: the same budgets and seeds of a size for every architecture tuned at it. */
function checkEqualTuning(cells: readonly Cell[]): Problem[] {
  const trials = new Map<string, Map<string, Cell[]>>();
  for (const cell of cells) {
    const bySize = trials.get(cell.sizeName) ?? new Map<string, Cell[]>();
    trials.set(cell.sizeName, bySize);
    bySize.set(cell.architecture.label, [...(bySize.get(cell.architecture.label) ?? []), cell]);
  }
  return [...trials].flatMap(([sizeName, byArchitecture]) => {
    const [reference, ...others] = [...byArchitecture].map(([label, own]) => ({
      label,
      path: own[0]!.path,
      spelled: trialsText(own),
    }));
    return others
      .filter(({ spelled }) => spelled !== reference!.spelled)
      .map(({ label, path, spelled }): Problem => {
        const message = `tuning has to be equal for all: size ${sizeName} has ${spelled} for ${label}, but ${reference!.spelled} for ${reference!.label}`;
        return { path, atKey: false, message };
      });
  });
}

/** `3e11 FLOPs, seeds 0, 1`, the budgets in rising order. */
function trialsText(cells: readonly Cell[]): string {
  const budgets = [...new Set(cells.map((cell) => cell.budgetFlops))].sort((a, b) => a - b);
  return budgets
    .map((flops) => {
      const seeds = cells.filter((cell) => cell.budgetFlops === flops).map((cell) => cell.seed);
      return `${flopsText(flops)} FLOPs, seeds ${seeds.sort((a, b) => a - b).join(', ')}`;
    })
    .join('; ');
}
