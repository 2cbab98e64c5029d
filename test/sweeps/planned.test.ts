/** Plans without a corpus, and the grid over predicted curves. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { planPictureText, planSvg } from '../../src/report/planPicture.js';
import { loadSweep, planSweep, previewLoaded } from '../../src/sweeps/plan.js';
import { planStages } from '../../src/sweeps/stages.js';
import { planJson, planSummary } from '../../src/sweeps/planText.js';
import { predictedGrid } from '../../src/sweeps/predictedGrid.js';
import { textFolder } from './program.js';

const folder = textFolder(50);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'absent.yaml');
writeFileSync(
  path,
  `name: absent
corpus: hf:owner/texts
corpusTokens: 1e6
vocabSize: 280
contextLength: 32
batchSize: 4
learningRate: 0.01
sizes:
  narrow: { dModel: 8, nLayers: 1, nHeads: 2, ffMultiple: 8 }
  wide: { dModel: 16, nLayers: 1, nHeads: 2, ffMultiple: 8 }
cells:
  - architectures: [transformer, transformer++]
    budgets:
      - { flops: 1e9, sizes: [narrow, wide] }
`,
);
const options = { resultsDir: join(folder, 'results') };

describe('a sweep whose corpus is not here', () => {
  it('is planned by what it states, and says what can not be known', async () => {
    const plan = await previewLoaded(await loadSweep(path), options);
    expect(plan.corpus).toBeNull();
    expect(plan.runs.map(({ setup }) => setup.model.dFf)).toEqual([64, 128, 44, 84]);
    for (const { epochs, tokens } of plan.runs) expect(epochs).toBeCloseTo(tokens / 1e6, 12);
    const json = planJson(plan) as {
      runs: { runKey: string | null; paramsTotal: number }[];
      corpusMissing: string;
    };
    expect(json.corpusMissing).toMatch(/hf:owner\/texts is not on this machine\. .*isoloss data prepare/);
    expect(json.runs.every(({ runKey, paramsTotal }) => runKey === null && paramsTotal > 0)).toBe(true);
    expect(planSummary(plan)).toMatch(/memory at most\n.*not on this machine.*\n.*run keys are not known/);
  });

  it('is downloaded by whoever runs it, and a local one is missed at once', async () => {
    const local = join(folder, 'local.yaml');
    writeFileSync(
      local,
      readFileSync(path, 'utf8').replace('absent', 'local').replace('hf:owner/texts', 'nothing.txt'),
    );
    await expect(planSweep(local, options)).rejects.toThrow(/there is no file or folder/);
    expect((await previewLoaded(await loadSweep(local), options)).corpusMissing).toMatch(/there is no file/);
  });
});

it('a sweep that evaluates more tokens than are held out is refused before it is trained', async () => {
  const text = readFileSync(path, 'utf8').replace('hf:owner/texts', '"texts/*.txt"').replace('1e9', '1e8');
  const asking = (name: string, line: string): string => {
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, text.replace('absent', name).replace('learningRate: 0.01', line));
    return file;
  };
  const direct = asking('greedy', 'learningRate: 0.01\nevalTokens: 1000000000');
  await expect(planSweep(direct, options)).rejects.toThrow(
    /greedy\.yaml:8:\d+ {2}val: An evaluation of 1000000000 tokens was asked for, and the split has \d+/,
  );
  const trials = 'grid: [0.01, 0.02, 0.04], flops: 1e8, evalTokens: 900000000';
  const tuned = asking('trying', `learningRate: { tune: { ${trials} } }\nevalTokens: 256`);
  await expect(planStages(tuned, options)).rejects.toThrow(/trying\.yaml:7:\d+ {2}val: .*900000000/);
});

describe('the grid over predicted curves', () => {
  it('has the optimum of the published law where there are no runs, and says so', async () => {
    const grid = await predictedGrid(await previewLoaded(await loadSweep(path), options));
    expect(grid).toMatchObject({ isMeasured: false, law: expect.stringContaining('Hoffmann') as string });
    const [{ curve, points }] = grid.budgets as [(typeof grid.budgets)[number]];
    expect(points.map(({ size }) => size).sort()).toEqual(['narrow', 'narrow', 'wide', 'wide']);
    // By hand: L = 1.69 + 406.4 / N^0.34 + 410.7 / D^0.28 at the tokens that the budget buys.
    const plan = await previewLoaded(await loadSweep(path), options);
    const run = plan.runs[0]!;
    const params = run.cost.paramsNonEmbedding + 280 * 8;
    const loss = 1.69 + 406.4 / params ** 0.34 + 410.7 / run.tokens ** 0.28;
    expect(points.find((point) => point.params === params)!.lossNats).toBeCloseTo(loss, 10);
    const best = Math.min(...curve.map(({ lossNats }) => lossNats));
    expect(grid.optima[0]!.lossNats).toBe(best);
    const text = planPictureText(grid, 80);
    expect(text).toContain('best size at 10');
    expect(text.split('\n').length).toBeGreaterThan(18);
    const svg = await planSvg(grid);
    expect(svg).toMatch(/^<svg/);
    expect(svg).toContain('Planned sizes on predicted isoFLOP curves');
  });
});
