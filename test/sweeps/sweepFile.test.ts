/** What a sweep file is refused for, and where its errors point. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/store/errors.js';
import { cellsOf } from '../../src/sweeps/cells.js';
import { findSweepFile, PACKAGE_SWEEPS, parseSweep, readSweepFile } from '../../src/sweeps/sweepFile.js';
import { catalogue } from './catalogue.js';

const SOUND = `name: small
corpus: sotu
vocabSize: 1024
contextLength: 128
batchSize: 8
baselines: [transformer]
learningRate: { base: 0.016, referenceWidth: 64 }
sizes:
  d24: { dModel: 24, nLayers: 2, nHeads: 3 }
  d32: { dModel: 32, nLayers: 2, nHeads: 4 }
cells:
  - architectures: [transformer, primer-ez@rotary, { preset: t5, positions: relative }]
    budgets:
      - { flops: 1e11, sizes: [d24, d32], repeat: { sizes: [d32], seeds: [1] } }
`;

/** Line and column (from 1) of the first occurrence of `text`. */
function positionOf(source: string, text: string): string {
  const before = source.slice(0, source.indexOf(text)).split('\n');
  return `${before.length}:${before.at(-1)!.length + 1}`;
}

function errorOf(source: string): string {
  try {
    parseSweep(source, 'small.yaml', catalogue);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('the file was accepted');
}

/** The message for the sound file with one text replaced, which must have happened. */
function errorWith(from: string, to: string): { message: string; source: string } {
  const source = SOUND.replace(from, to);
  expect(source).not.toBe(SOUND);
  return { message: errorOf(source), source };
}

describe('aliases', () => {
  it('without an anchor, and more of them than anyone writes, are errors with a place', () => {
    const { message, source } = errorWith('sizes: [d24, d32]', 'sizes: *nope');
    expect(message).toContain(`small.yaml:${positionOf(source, '*nope')}  Unresolved alias`);
    const ten = (name: string): string => `[${Array(10).fill(`*${name}`).join(', ')}]`;
    const bomb = `a: &a [x]\nb: &b ${ten('a')}\nc: &c ${ten('b')}\nd: &d ${ten('c')}\n`;
    expect(errorOf(bomb)).toMatch(/small\.yaml:\d+:\d+ {2}Excessive alias count/);
  });
});

describe('what is no sweep file', () => {
  it('is told in the words of the file, and briefly', () => {
    expect(errorOf(`${SOUND}---\nname: other\n`)).toMatch(
      /small\.yaml:\d+:\d+ {2}a sweep file is one YAML document/,
    );
    expect(errorOf('word '.repeat(1000)).length).toBeLessThan(250);
  });
});

describe('values that no study needs', () => {
  it.each([
    ['workers: 1000000000', 'workers has to be at most 1024, not 1000000000'],
    ['threads: 5000', 'threads has to be at most 1024, not 5000'],
  ])('%s', (line, expected) => {
    const row = SOUND.split('\n').length;
    expect(errorOf(`${SOUND}${line}\n`)).toMatch(new RegExp(`small\\.yaml:${row}:\\d+ {2}${expected}`));
  });

  it('are refused where they are sizes', () => {
    const { message } = errorWith('dModel: 24', 'dModel: 1000000000');
    expect(message).toContain('sizes.d24.dModel has to be at most 65536, not 1000000000');
    expect(errorWith('vocabSize: 1024', 'vocabSize: 1e12').message).toContain(
      'vocabSize has to be at most 16777216',
    );
  });
});

describe('a sound sweep file', () => {
  it('fills in defaults', () => {
    const { sweep } = parseSweep(SOUND, 'small.yaml', catalogue);
    expect(sweep.evalTokens).toBe(32768);
    expect(sweep.optimizer).toEqual({
      kind: 'adamw',
      beta1: 0.9,
      beta2: 0.95,
      epsilon: 1e-8,
      weightDecay: 0.1,
      clipNorm: 1,
    });
    expect(sweep.workers).toBe('auto');
    expect(sweep.allowEpochs).toBe(4);
  });

  it('is written out as architecture x budget x size x seed, repeats last', () => {
    const { sweep } = parseSweep(SOUND, 'small.yaml', catalogue);
    const cells = cellsOf(sweep, catalogue).map(
      (cell) => `${cell.architecture.label} ${cell.sizeName} ${cell.seed}`,
    );
    expect(cells).toEqual(
      ['transformer', 'primer-ez@rotary', 't5'].flatMap((label) => [
        `${label} d24 0`,
        `${label} d32 0`,
        `${label} d32 1`,
      ]),
    );
  });
});

describe('errors of a sweep file', () => {
  it('point at line and column of a wrong value and say what is allowed', () => {
    const { message, source } = errorWith('batchSize: 8', 'batchSize: eight');
    expect(message).toContain(`small.yaml:${positionOf(source, 'eight')}`);
    expect(message).toContain('batchSize has to be a number, not the text "eight"');
  });

  it('point at an unknown key and name the one that was meant', () => {
    const { message, source } = errorWith('vocabSize:', 'vocabsize:');
    expect(message).toContain(
      `small.yaml:${positionOf(source, 'vocabsize')}  unknown key "vocabsize". Did you mean "vocabSize"?`,
    );
    expect(message).toContain('vocabSize is missing; it has to be a number');
    expect(message).toContain('has 2 errors');
  });

  it('find unknown keys inside lists and unions', () => {
    const { message, source } = errorWith('flops: 1e11', 'flop: 1e11');
    expect(message).toContain(
      `small.yaml:${positionOf(source, 'flop: 1e11')}  unknown key "flop" in cells[0].budgets[0]. Did you mean "flops"?`,
    );
    const union = errorWith('{ base: 0.016, referenceWidth: 64 }', '{ tunde: quick-lr }');
    expect(union.message).toContain(
      'unknown key "tunde" in learningRate. Did you mean "tune"? Known keys: base, referenceWidth, grid, extend, tuned',
    );
  });

  it('name architectures, positions and sizes that were meant', () => {
    expect(errorWith('primer-ez@rotary', 'primer-es').message).toMatch(
      /12:34 {2}cells\[0\]\.architectures\[1\]: there is no architecture "primer-es"\. Did you mean "primer-ez"\? Known: transformer, transformer\+\+, t5/,
    );
    expect(errorWith('primer-ez@rotary', 'primer-ez@rotray').message).toContain(
      'Did you mean "rotary"? Known: absolute, relative, rotary',
    );
    expect(errorWith('[d24, d32]', '[d24, d33]').message).toMatch(
      /14:37 {2}there is no size "d33"\. Did you mean "d32"\?/,
    );
    expect(errorWith('baselines: [transformer]', 'baselines: [transformer++]').message).toContain(
      'is not among the architectures of this sweep',
    );
  });

  it('refuse a cell asked for twice and say where it was asked for first', () => {
    const again =
      SOUND +
      '  - { architectures: [transformer@absolute], budgets: [{ flops: 100000000000, sizes: [d24] }] }\n';
    const message = errorOf(again);
    expect(message).toContain(
      'transformer, size d24, 1e11 FLOPs, seed 0 is asked for twice; first at small.yaml:14:32',
    );
    expect(message).toContain('small.yaml:15:');
  });

  it.each([
    ['nHeads: 4', 'nHeads: 5', 'dModel 32 is not a multiple of nHeads 5'],
    ['vocabSize: 1024', 'vocabSize: 100', 'vocabSize has to be at least 257, not 100'],
    [
      'd24: { dModel: 24, nLayers: 2, nHeads: 3 }',
      'd24: { dModel: 27, nLayers: 2, nHeads: 3 }',
      'sizes.d24: rotary positions need heads of even width, not 9',
    ],
    ['batchSize: 8', 'batchSize: 0.5', 'batchSize has to be a whole number, not 0.5'],
    ['name: small', 'name: large', 'name is "large" but the file is "small"'],
    ['corpus: sotu\n', '', 'corpus is missing; it has to be a text'],
    ['d24: {', 'd 24: {', '"d 24" is not a valid name'],
    [
      'd24: { dModel: 24, nLayers: 2, nHeads: 3 }',
      'd24: { dModel: 32, nLayers: 2, nHeads: 4 }',
      'has the same shape as sizes.d24',
    ],
    [
      'learningRate: {',
      'workers: many\nlearningRate: {',
      'workers has to be "auto" or a number, not the text "many"',
    ],
    ['learningRate: {', 'schedule: { kind: cosin }\nlearningRate: {', 'Did you mean "cosine"?'],
    [
      'learningRate: {',
      'schedule: { kind: cosine, warmup: 1 }\nlearningRate: {',
      'unknown key "warmup" in schedule. Known keys: kind, warmupFraction, finalFraction',
    ],
    ['{ base: 0.016, referenceWidth: 64 }', '{ grid: [0.01, 0.02, 0.05] }', '0.05 is not twice 0.02'],
    [
      '{ base: 0.016, referenceWidth: 64 }',
      '{ tuned: 5 }',
      'learningRate.tuned has to be a text or a list, not 5',
    ],
    ['{ base: 0.016, referenceWidth: 64 }', '-1', 'learningRate has to be at least 1e-30, not -1'],
    ['{ base: 0.016, referenceWidth: 64 }', '1e300', 'learningRate has to be at most 1000, not 1e+300'],
    ['base: 0.016', 'base: 1e-300', 'learningRate.base has to be at least 1e-30, not 1e-300'],
    [
      'batchSize: 8',
      'batchSize: 1000000',
      'batchSize 1000000 x contextLength 128 x vocabSize 1024 are 1.31e11 logits a step, of which no more than 8.59e9 fit',
    ],
    [
      'batchSize: 8',
      'batchSize: 8\nevalTokens: 100',
      'evalTokens has to be at least contextLength (128), not 100',
    ],
  ])('%s -> %s: %s', (from, to, expected) => {
    expect(errorWith(from, to).message).toContain(expected);
  });

  it('report what is not YAML, a key given twice and an empty file', () => {
    expect(errorOf('name: [unclosed\n')).toMatch(/small\.yaml:\d+:\d+/);
    expect(errorOf(`${SOUND}corpus: other\n`)).toMatch(/small\.yaml:15:1 {2}Map keys must be unique/);
    expect(errorOf('')).toContain('the file has to be a block of keys');
  });

  it('refuse tuning that is not equal for all', () => {
    const tuning = SOUND.replace('{ base: 0.016, referenceWidth: 64 }', '{ grid: [0.01, 0.02, 0.04] }');
    expect(() => parseSweep(tuning, 'small.yaml', catalogue)).not.toThrow();
    const unequal = tuning + '  - { architectures: [primer], budgets: [{ flops: 1e11, sizes: [d32] }] }\n';
    expect(errorOf(unequal)).toContain(
      'tuning has to be equal for all: size d32 has 1e11 FLOPs, seeds 0 for primer, but',
    );
    const oneBudgetMore =
      tuning + '  - { architectures: [transformer], budgets: [{ flops: 2e11, sizes: [d24] }] }\n';
    expect(errorOf(oneBudgetMore)).toMatch(/size d24 has .* for \S+, but .*2e11 FLOPs, seeds 0/);
  });
});

describe('finding a sweep', () => {
  const folders: string[] = [];
  afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

  it("looks in ./sweeps, then among the package's own, and takes paths as they are", () => {
    const cwd = mkdtempSync(join(tmpdir(), 'isoloss-find-'));
    folders.push(cwd);
    mkdirSync(join(cwd, 'sweeps'));
    writeFileSync(join(cwd, 'sweeps', 'small.yaml'), SOUND);
    expect(findSweepFile('small', cwd)).toBe(join(cwd, 'sweeps', 'small.yaml'));
    expect(findSweepFile('sweeps/small.yaml', cwd)).toBe(join(cwd, 'sweeps', 'small.yaml'));
    expect(readSweepFile(join(cwd, 'sweeps', 'small.yaml'), catalogue).source).toBe(SOUND);
    expect(findSweepFile('quick', cwd)).toBe(join(PACKAGE_SWEEPS, 'quick.yaml'));
    expect(() => findSweepFile('smal', cwd)).toThrow(/Did you mean "small"\?.*Sweeps there are: .*quick/);
    expect(() => findSweepFile('./other.yaml', cwd)).toThrow(UsageError);
  });

  it('the predefined sweeps are sound and name the schema for editors', () => {
    for (const name of ['quick', 'quick-lr']) {
      const path = join(PACKAGE_SWEEPS, `${name}.yaml`);
      expect(readFileSync(path, 'utf8').startsWith('# yaml-language-server: $schema=schema.json\n')).toBe(
        true,
      );
      expect(readSweepFile(path, catalogue).sweep.name).toBe(name);
    }
  });
});
