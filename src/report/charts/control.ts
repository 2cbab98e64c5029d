/** The control: the same comparison in the other families of positions, as differences of loss at one budget. */
import type { Interval } from '../../fit/interval.js';
import type { Speedup, Verdict } from '../../fit/comparison.js';
import { measuredIn } from '../claims.js';
import type { ReportContext } from '../context.js';
import { formatPowerOfTen } from '../format.js';
import { rich } from '../rich.js';
import { datasetOf } from '../table.js';
import { shortInterval, signedNats, signedPercent } from '../text.js';
import {
  differenceAxis,
  intervalLayers,
  paddedDomain,
  pairAxis,
  referenceLine,
  seriesEncoding,
  SHOWN,
  tip,
  type Chart,
} from './chart.js';

/** One family's answer to a comparison at the control's budget. */
export interface ControlEntry {
  readonly arch: string;
  readonly baseline: string;
  readonly positions: string;
  readonly budgetFlops: number;
  /** How the difference was read: both at optimal size, or at one size that both have. */
  readonly basis: string;
  readonly differenceNats: Interval;
  /** The difference over the baseline's loss; null where it was read at one size. */
  readonly relative: Interval | null;
  readonly verdict: Verdict | null;
}

/** The same pair of presets in several families, main family first. */
export interface Control {
  readonly arch: string;
  readonly baseline: string;
  readonly budgetFlops: number;
  readonly entries: readonly ControlEntry[];
}

/**
 * Comparisons that exist in the main family and in another one, of which only one has a law to read a speedup from: set
 * side by side at the largest budget that both have. At optimal size where both families have an accepted optimum
 * there; otherwise at the largest size that all four have.
 */
export function controlsOf({ claims, families }: ReportContext): Control[] {
  return claims.flatMap((claim) => {
    const { arch, baseline, entries } = claim;
    if (entries.length < 2 || entries[0]!.positions !== families[0] || measuredIn(claim).length !== 1)
      return [];
    const found = atOptimalSize(entries) ?? atSameSize(entries);
    return found === null ? [] : [{ arch, baseline, budgetFlops: found[0]!.budgetFlops, entries: found }];
  });
}

function largestCommon(lists: readonly (readonly number[])[]): number | null {
  const common = (lists[0] ?? []).filter((value) => lists.every((list) => list.includes(value)));
  return common.length === 0 ? null : Math.max(...common);
}

function atOptimalSize(all: readonly Speedup[]): ControlEntry[] | null {
  const budgetFlops = largestCommon(all.map((c) => c.atBudget.map((at) => at.budgetFlops)));
  if (budgetFlops === null) return null;
  return all.map((c) => {
    const at = c.atBudget.find((entry) => entry.budgetFlops === budgetFlops)!;
    return {
      ...names(c),
      budgetFlops,
      basis: 'both at optimal size',
      differenceNats: at.differenceNats,
      relative: at.relativeDifference,
      verdict: at.verdict,
    };
  });
}

function atSameSize(all: readonly Speedup[]): ControlEntry[] | null {
  const budgetFlops = largestCommon(all.map((c) => c.sameSize.map((at) => at.budgetFlops)));
  if (budgetFlops === null) return null;
  const at = (c: Speedup): Speedup['sameSize'] =>
    c.sameSize.filter((entry) => entry.budgetFlops === budgetFlops);
  const sizes = at(all[0]!).filter((entry) =>
    all.every((c) => at(c).some((other) => other.size === entry.size)),
  );
  const size = [...sizes].sort((a, b) => b.nSeeds - a.nSeeds || b.dModel - a.dModel)[0]?.size;
  if (size === undefined) return null;
  return all.map((c) => {
    const { differenceNats, verdict } = at(c).find((entry) => entry.size === size)!;
    return {
      ...names(c),
      budgetFlops,
      basis: `both at size ${size}`,
      differenceNats,
      relative: null,
      verdict,
    };
  });
}

function names(c: Speedup): { arch: string; baseline: string; positions: string } {
  return { arch: c.arch, baseline: c.baseline, positions: c.positions };
}

const COLUMNS = [
  'pair',
  'arch',
  'baseline',
  'positions',
  'budgetFlops',
  'basis',
  'differenceNats',
  'low',
  'high',
  'label',
  'relative',
  'verdict',
] as const;

/** Differences of loss by family of positions; null without a second family. */
export function controlChart(context: ReportContext, controls: readonly Control[]): Chart | null {
  const rows = controls.flatMap((control) =>
    control.entries.map((entry) => ({
      pair: `${control.arch} over ${control.baseline}|${entry.positions} positions`,
      arch: entry.arch,
      baseline: entry.baseline,
      positions: entry.positions,
      budgetFlops: entry.budgetFlops,
      basis: entry.basis,
      differenceNats: entry.differenceNats.value,
      low: entry.differenceNats.low,
      high: entry.differenceNats.high,
      label: shortInterval(entry.differenceNats, signedNats),
      relative: entry.relative === null ? null : signedPercent(entry.relative.value),
      verdict: entry.verdict ?? 'no interval',
    })),
  );
  if (rows.length === 0) return null;
  const archs = context.archs.map((a) => a.arch).filter((arch) => rows.some((row) => row.arch === arch));
  const { color, shape } = seriesEncoding(context.styles, archs);
  const domain = paddedDomain(
    [0, ...rows.flatMap((row) => [row.differenceNats, row.low, row.high]).filter((v) => v !== null)],
    'linear',
    0.12,
  );
  const x = differenceAxis(domain);
  const y = pairAxis(
    'pair',
    rows.map((row) => row.pair),
  );
  const tooltip = [
    tip('arch', 'Architecture'),
    tip('baseline', 'Minus'),
    tip('label', 'Difference, nats'),
    tip('relative', 'Relative'),
    tip('basis', 'Read with'),
    tip('verdict', 'Verdict'),
  ];
  return {
    id: 'control',
    title: 'Difference of test loss, family by family',
    caption: rich`Test loss of the architecture minus that of its baseline at one budget, ${formatPowerOfTen(rows[0]!.budgetFlops)} FLOPs, family by family. Runs of different positions are never one frontier; only differences inside a family are compared here.`,
    alt: rows.map((row) => `${row.arch} minus ${row.baseline}: ${row.label} nats.`).join(' '),
    layout: { kind: 'rows', rows: rows.length, step: 48, stacks: true },
    archs,
    scales: {},
    datasets: { control: datasetOf(COLUMNS, rows) },
    spec: {
      data: { name: 'control' },
      transform: [SHOWN],
      layer: [referenceLine('x', 0), ...intervalLayers(x, y, { color, shape }, tooltip)],
    },
    table: {
      caption: 'Differences of test loss by family of positions',
      dataset: datasetOf(COLUMNS, rows),
      columns: [
        { field: 'arch', label: 'Architecture' },
        { field: 'baseline', label: 'Minus' },
        { field: 'positions', label: 'Positions' },
        { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
        { field: 'basis', label: 'Read with' },
        { field: 'label', label: 'Difference, nats (95%)' },
        { field: 'relative', label: 'Relative' },
        { field: 'verdict', label: 'Verdict' },
      ],
    },
  };
}
