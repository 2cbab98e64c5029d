/** Comparisons: the sweeps that are generated from others, and the built program from a variant's file to its verdict. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Speedup } from '../../src/fit/comparison.js';
import { comparisonVerdicts, verdictText } from '../../src/report/verdict.js';
import { listRuns } from '../../src/store/runDirectory.js';
import { prepareComparison, type CompareRequest } from '../../src/sweeps/compare.js';
import { CATALOGUE } from '../../src/sweeps/plan.js';
import { readSweepFile } from '../../src/sweeps/sweepFile.js';
import type { TunedFile } from '../../src/sweeps/tuned.js';

const SETTINGS = `corpus: texts/*.txt
vocabSize: 280
contextLength: 16
batchSize: 4
evalTokens: 256
sizes:
  d8: { dModel: 8, nLayers: 1, nHeads: 2 }
  d12: { dModel: 12, nLayers: 1, nHeads: 2 }
  d16: { dModel: 16, nLayers: 1, nHeads: 2 }
`;
const SWEEP = `name: tiny
baselines: [transformer]
learningRate: { base: 0.02, referenceWidth: 64 }
${SETTINGS}cells:
  - architectures: [transformer]
    budgets:
      - { flops: 1e8, sizes: [d8, d12, d16], repeat: { sizes: [d12], seeds: [1] } }
      - { flops: 2e8, sizes: [d8, d12], seeds: [0, 1] }
`;
const TUNING = `name: tiny-lr
learningRate: { grid: [0.01, 0.02, 0.04] }
${SETTINGS}cells:
  - architectures: [transformer]
    budgets:
      - { flops: 1e8, sizes: [d8, d12, d16] }
`;
const VARIANT = `import { tf } from 'isoloss/ops';
import { defineVariant } from 'isoloss/variants';
export const variant = defineVariant({ name: 'softplus', base: 'transformer', options: { activation: (x) => tf.softplus(x) } });
`;

let folder: string;
let request: CompareRequest;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'isoloss-compare-'));
  mkdirSync(join(folder, 'texts'));
  for (let file = 0; file < 12; file++) {
    const words = Array.from({ length: 3000 }, (_, i) => ((i * i + file) % 997).toString(36));
    writeFileSync(join(folder, 'texts', `${file}.txt`), words.join(' '));
  }
  writeFileSync(join(folder, 'tiny.yaml'), SWEEP);
  writeFileSync(
    join(folder, 'tuned.yaml'),
    SWEEP.replace('name: tiny', 'name: tuned').replace(/\{ base.*/, '{ tuned: tiny-lr }'),
  );
  writeFileSync(join(folder, 'tiny-lr.yaml'), TUNING);
  writeFileSync(join(folder, 'softplus.ts'), VARIANT);
  const rate = (dModel: number) => ({
    arch: 'transformer',
    shape: { dModel, nLayers: 1, nHeads: 2, dHead: dModel / 2, dFf: 4 * dModel },
    budgetFlops: 1e8,
    learningRate: 0.02,
    vertexLearningRate: null,
    edge: null,
    flags: [],
    trials: [],
  });
  const { corpus, vocabSize, contextLength, batchSize, optimizer, schedule, tiedEmbeddings, init } =
    readSweepFile(join(folder, 'tiny.yaml'), CATALOGUE).sweep;
  const protocol = { corpus, vocabSize, contextLength, batchSize, optimizer, schedule, tiedEmbeddings, init };
  writeFileSync(
    join(folder, 'tiny-lr.tuned.json'),
    JSON.stringify({ format: 1, sweep: 'tiny-lr', chosenOn: 'val', protocol, rates: [8, 12, 16].map(rate) }),
  );
  request = {
    file: join(folder, 'softplus.ts'),
    sweep: join(folder, 'tiny.yaml'),
    baselines: undefined,
    budgets: undefined,
    sizes: undefined,
    tune: undefined,
    resultsDir: join(folder, 'generated'),
  };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TRIAL = { learningRate: 0.02, seed: 0, lossNats: 4, runKey: '0' };

const sweepAt = (path: string) => parse(readFileSync(path, 'utf8')) as Record<string, never>;

describe('the sweep of a comparison', () => {
  it('takes grid, seeds and settings of the sweep named, for baselines and variant alike', async () => {
    const comparison = await prepareComparison({ ...request, baselines: ['transformer', 'primer-ez'] });
    expect(comparison).toMatchObject({ name: 'compare-softplus', tuning: null, variants: ['softplus'] });
    const { sweep } = readSweepFile(comparison.path, CATALOGUE);
    expect(sweep.cells).toEqual([
      {
        architectures: ['transformer', 'primer-ez', 'softplus'],
        budgets: readSweepFile(request.sweep, CATALOGUE).sweep.cells[0]!.budgets,
      },
    ]);
    expect(sweep).toMatchObject({ baselines: ['transformer', 'primer-ez'], corpus: '../../texts/*.txt' });
    expect(sweep.variants).toEqual(['../../softplus.ts']);
    expect(sweep.learningRate).toEqual({ base: 0.02, referenceWidth: 64 });
  });

  it('keeps to the budgets and sizes asked for', async () => {
    const one = await prepareComparison({ ...request, budgets: [2e8] });
    expect(sweepAt(one.path)['cells']).toMatchObject([{ budgets: [{ flops: 2e8, sizes: ['d8', 'd12'] }] }]);
    const other = await prepareComparison({ ...request, budgets: [3e8], sizes: ['d16', 'd8'] });
    expect(sweepAt(other.path)['cells']).toMatchObject([{ budgets: [{ flops: 3e8, sizes: ['d16', 'd8'] }] }]);
    const near = await prepareComparison({ ...request, budgets: [2.2e8] });
    expect(sweepAt(near.path)['cells']).toMatchObject([
      { budgets: [{ flops: 2.2e8, sizes: ['d8', 'd12'], seeds: [0, 1] }] },
    ]);
    await expect(prepareComparison({ ...request, budgets: [4e8] })).rejects.toThrow(
      /no budget of 4e8 FLOPs.*it has 1e8, 2e8\. Name sizes with --sizes/,
    );
    await expect(prepareComparison({ ...request, sizes: ['d9'] })).rejects.toThrow(/no size "d9"/);
  });

  it('compares within a family of positions', async () => {
    const { variants, baselines } = await prepareComparison({
      ...request,
      baselines: ['transformer', 'transformer@rotary'],
    });
    expect(variants).toEqual(['softplus', 'softplus@rotary']);
    expect(baselines).toEqual(['transformer', 'transformer@rotary']);
    await expect(prepareComparison({ ...request, baselines: ['transformr'] })).rejects.toThrow(/transformr/);
  });

  it('tunes what has no rate as the others were, and nothing else', async () => {
    const tuned = { ...request, sweep: join(folder, 'tuned.yaml') };
    const { tuning, notes } = await prepareComparison({ ...tuned, baselines: ['transformer', 'primer-ez'] });
    const { sweep } = readSweepFile(tuning!.path, CATALOGUE);
    expect(sweep.cells).toEqual([
      {
        architectures: ['primer-ez', 'softplus'],
        budgets: [{ flops: 1e8, sizes: ['d8', 'd12', 'd16'], seeds: [0] }],
      },
    ]);
    expect(sweep.learningRate).toMatchObject({ grid: [0.01, 0.02, 0.04] });
    expect(notes.join()).toContain('same grid');
    const borrowed = await prepareComparison({ ...tuned, tune: false });
    expect(borrowed.tuning).toBeNull();
    const written = join(request.resultsDir, 'compare-softplus', 'compare-softplus-lr.tuned.json');
    const { rates } = JSON.parse(readFileSync(written, 'utf8')) as {
      rates: { arch: string; learningRate: number }[];
    };
    expect(rates.filter(({ arch }) => arch === 'softplus').map(({ learningRate }) => learningRate)).toEqual([
      0.02, 0.02, 0.02,
    ]);
    await expect(prepareComparison({ ...request, tune: true })).rejects.toThrow(/would be unfair/);
  });

  it('tunes at every budget at which the first baseline was, and carries rates over as the sweep does', async () => {
    const first = JSON.parse(readFileSync(join(folder, 'tiny-lr.tuned.json'), 'utf8')) as TunedFile;
    const later = first.rates
      .filter(({ shape }) => shape.dModel === 12)
      .map((rate) => ({ ...rate, budgetFlops: 2e8, trials: [{ ...TRIAL, seed: 3 }] }));
    writeFileSync(
      join(folder, 'later-lr.tuned.json'),
      JSON.stringify({ ...first, sweep: 'later-lr', rates: later }),
    );
    writeFileSync(join(folder, 'later-lr.yaml'), TUNING.replace('name: tiny-lr', 'name: later-lr'));
    const rates = '{ tuned: [later-lr, tiny-lr], transfer: inverse-width }';
    const source = SWEEP.replace('name: tiny', 'name: several').replace(/\{ base.*/, rates);
    writeFileSync(
      join(folder, 'several.yaml'),
      source.replace('sizes:\n', 'sizes:\n  d20: { dModel: 20, nLayers: 1, nHeads: 2 }\n'),
    );
    const several = { ...request, sweep: join(folder, 'several.yaml') };
    const { path, tuning } = await prepareComparison({ ...several, sizes: ['d12', 'd20'] });
    expect(sweepAt(path)['learningRate']).toEqual({
      tuned: 'compare-softplus-lr',
      transfer: 'inverse-width',
    });
    // d20 takes the rate of d16, the nearest width that is tuned, so that one is tuned for the variant too.
    expect(readSweepFile(tuning!.path, CATALOGUE).sweep.cells).toEqual([
      {
        architectures: ['softplus'],
        budgets: [
          { flops: 2e8, sizes: ['d12'], seeds: [3] },
          { flops: 1e8, sizes: ['d12', 'd16'], seeds: [0] },
        ],
      },
    ]);
    writeFileSync(
      join(folder, 'several.yaml'),
      readFileSync(join(folder, 'several.yaml'), 'utf8').replace(', transfer: inverse-width', ''),
    );
    await expect(prepareComparison({ ...several, sizes: ['d12', 'd20'] })).rejects.toThrow(
      /no tuned rate for transformer at size d20/,
    );
  });
});

/** No optimum was found for either, at one budget each. */
const ISOFLOP = ['mine', 'theirs'].map((arch) => ({
  arch,
  budgetFlops: 2.5e10,
  accepted: false,
  reason: 'A smaller size is needed.',
  bestCell: { size: '24x2' },
}));

describe('the verdict', () => {
  const speedup = (changes: object): Speedup =>
    ({
      arch: 'mine',
      baseline: 'theirs',
      positions: 'absolute',
      reason: null,
      atBudget: [],
      sameSize: [],
      power: { detectableFactor: 1.31, seedsMultiple: 4.21 },
      atOptimalSize: [
        {
          cost: 'flops',
          relation: '=',
          bound: null,
          lossNats: 4.5,
          factor: { value: 1.2, low: 0.95, high: 1.5, level: 0.95 },
          verdict: 'not told apart',
        },
      ],
      ...changes,
    }) as unknown as Speedup;
  const text = (changes: object): string =>
    verdictText(
      comparisonVerdicts({ speedup: [speedup(changes)], isoflop: ISOFLOP } as never, ['mine'], ['theirs']),
    );

  it('says what would be needed where two are not told apart', () => {
    expect(text({})).toContain('mine over theirs (absolute positions): 1.2× [0.95×, 1.5×], not told apart');
    expect(text({})).toMatch(/takes 4\.2 times the seeds.*would have told a factor of 1\.31×/);
  });

  it('says that one family of positions is not enough for a claim', () => {
    const [headline] = speedup({}).atOptimalSize;
    const better = text({ atOptimalSize: [{ ...headline, verdict: 'better' }] });
    expect(better).toContain('One family of positions only (absolute)');
    expect(better).toContain('--baselines theirs@rotary');
    expect(text({})).not.toContain('One family');
  });

  it('gives a bound, or the reason why there is none', () => {
    const [headline] = speedup({}).atOptimalSize;
    const bounded = text({ atOptimalSize: [{ ...headline, relation: '>', bound: 3, verdict: 'better' }] });
    expect(bounded).toContain('> 3× (extrapolated: 1.2× [0.95×, 1.5×]), better');
    expect(text({ atOptimalSize: [], reason: 'Too few budgets.' })).toContain('no speedup. Too few budgets.');
  });

  it('says without a law what equal sizes tell, and what a law would take', () => {
    const at = (budgetFlops: number, value: number) => ({
      budgetFlops,
      size: '32x2',
      differenceNats: { value, low: -0.03, high: -0.01, level: 0.95 },
      verdict: 'better',
    });
    const said = text({ atOptimalSize: [], reason: 'None.', sameSize: [at(1e10, -0.5), at(2.5e10, -0.02)] });
    expect(said).toContain('at 2.5e10 FLOPs, both at size 32x2: −0.0200 nats [−0.0300, −0.0100]: better');
    expect(said).not.toContain('0.5000');
    expect(said).toContain('mine at 2.5e10 FLOPs (best size 24x2): A smaller size is needed.');
    expect(said).toContain('theirs at 2.5e10');
    expect(said).toMatch(/sizes on both sides.*larger budgets do as well/);
  });
});

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const built =
  existsSync(PROGRAM) && existsSync(fileURLToPath(new URL('../../dist/cli/compare.js', import.meta.url)));

describe.skipIf(!built)('isoloss compare (needs `npm run build`)', () => {
  it('trains what is missing, once, and ends with a verdict and a report', { timeout: 120_000 }, () => {
    const env = { ...process.env, ISOLOSS_CACHE: join(folder, 'cache') };
    const compare = (): { sweep: string; verdicts: { arch: string }[]; reportPath: string } => {
      const args = [PROGRAM, 'compare', 'softplus.ts', '--sweep', 'tuned.yaml', '--json'];
      return JSON.parse(
        execFileSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8', stdio: 'pipe' }),
      ) as never;
    };
    const { sweep, verdicts, reportPath } = compare();
    expect(sweep).toBe('compare-softplus');
    expect(verdicts.map(({ arch }) => arch)).toEqual(['softplus']);
    expect(existsSync(join(folder, reportPath)) || existsSync(reportPath)).toBe(true);
    // 4 runs at 1e8 and 4 at 2e8 for each of two; 9 trials of the variant's rates and up to 4 more a size where the best
    // lies at an end of the grid, of which those that are runs are shared.
    const runs = ['compare-softplus', 'compare-softplus-lr'].flatMap((name) =>
      listRuns(join(folder, 'results'), name),
    );
    expect(runs.length).toBeLessThanOrEqual(16 + 9 + 12);
    compare();
    const again = ['compare-softplus', 'compare-softplus-lr'].flatMap((name) =>
      listRuns(join(folder, 'results'), name),
    );
    expect(again.length).toBe(runs.length);
  });

  it('names what is wrong and exits with 2', () => {
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [PROGRAM, ...args], { cwd: folder, encoding: 'utf8' });
    const missing = run('compare', 'nowhere.ts', '--sweep', 'tiny.yaml');
    expect(missing.status).toBe(2);
    expect(missing.stderr).toContain('There is no file');
    const leak = VARIANT.replace("'softplus'", "'leak'").replace(
      'tf.softplus(x)',
      'tf.add(x, tf.mean(x, 0, true))',
    );
    writeFileSync(join(folder, 'leak.ts'), leak);
    const checked = run('check', 'leak.ts', '--d', '8', '--layers', '1', '--length', '8');
    expect(checked.status, checked.stderr).toBe(1);
    expect(checked.stdout).toMatch(/FAILED causality +changing token 1 changes the logits at position 0/);
    expect(checked.stdout).toContain('ops.causalMask');
    const compared = run('compare', 'leak.ts', '--sweep', 'tiny.yaml');
    expect(compared.status).toBe(2);
    expect(compared.stderr).toMatch(/leak fails `isoloss check leak\.ts`.*\n {2}causality: changing token 1/);
    expect(compared.stderr).toContain('--no-check');
  });
});
