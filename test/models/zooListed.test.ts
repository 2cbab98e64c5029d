/** What lists architectures outside the code: the docs and the predefined sweeps. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { architectureNames, defaultPositions } from '../../src/models/registry.js';
import { LADDER } from '../../src/models/sizes.js';
import { cellsOf } from '../../src/sweeps/cells.js';
import { CATALOGUE } from '../../src/sweeps/plan.js';
import { PACKAGE_SWEEPS, readSweepFile } from '../../src/sweeps/sweepFile.js';

describe('docs/architectures.md', () => {
  const text = readFileSync(join(PACKAGE_SWEEPS, '..', 'docs', 'architectures.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `([^`]+)` \| (\w+) \|/gm)].map(([, name, positions]) => [
    name,
    positions,
  ]);

  it('has every architecture once, in order, with its positions', () => {
    expect(rows).toEqual(architectureNames().map((name) => [name, defaultPositions(name)]));
  });

  it('has the ladder as it is', () => {
    const row = (head: string): number[] =>
      new RegExp(`^\\| ${head} \\|(.*)\\|$`, 'm').exec(text)![1]!.split('|').map(Number);
    expect(row('dModel')).toEqual(LADDER.map(({ dModel }) => dModel));
    expect(row('layers')).toEqual(LADDER.map(({ nLayers }) => nLayers));
    expect(row('heads')).toEqual(LADDER.map(({ nHeads }) => nHeads));
  });
});

describe.each(['primer-insertions', 'primer-ablations'])('sweeps/%s.yaml', (name) => {
  const { sweep } = readSweepFile(join(PACKAGE_SWEEPS, `${name}.yaml`), CATALOGUE);
  const cells = cellsOf(sweep, CATALOGUE);

  it('is sound, and has a control with rotary positions', () => {
    expect(sweep.name).toBe(name);
    expect(cells.some(({ architecture }) => architecture.positions === 'rotary')).toBe(true);
  });

  it('trains every part of Primer that has a preset', () => {
    const own = new Set(cells.map(({ architecture }) => architecture.preset));
    const parts =
      name === 'primer-insertions'
        ? architectureNames().filter((preset) => /^(transformer|t5)\+[a-z]/.test(preset))
        : architectureNames().filter((preset) => /^primer[-+](?!ez)/.test(preset));
    expect(parts).toHaveLength(8);
    expect(parts.filter((preset) => !own.has(preset))).toEqual([]);
  });

  it('repeats two sizes of every budget but the control', () => {
    const repeated = cells.filter(({ seed }) => seed === 1);
    expect(new Set(repeated.map(({ budgetFlops }) => budgetFlops)).size).toBe(3);
    // Of the insertions T5 and its norm too.
    expect(repeated).toHaveLength((name === 'primer-insertions' ? 11 : 9) * 3 * 2);
  });

  it('names a baseline in every family that it trains in earnest', () => {
    const families = new Set(
      cells.filter(({ seed }) => seed === 1).map(({ architecture }) => architecture.positions),
    );
    const baselines = sweep.baselines.map((baseline) => defaultPositions(baseline));
    expect([...families].filter((positions) => !baselines.includes(positions))).toEqual([]);
  });
});
