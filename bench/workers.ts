/** `npm run bench:workers`: what a sweep gets of the machine, as one worker with every core or one worker a core. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { cpuModel } from '../src/engine/cpu.js';
import { engineNamed, STORED_STEPS, type PeerCase } from './peers/case.js';
import { median } from './peers/median.js';
import { startParticipant, type Participant } from './peers/participant.js';

const HELP = `Usage: npm run bench:workers -- [options]

Trains models of the quick studies' sizes in turns as one process with one thread alone, one process with a thread a core,
and a process with one thread a core, and prints medians of tokens/s and the share of cores x (one alone).

  --arch NAME      architecture (transformer)
  --sizes SIZES    dModel x layers x batch, with commas (16x2x8,32x2x8,64x2x8,96x4x8,128x4x16)
  --rounds N       measurements of each setting, in turns (5)
  --seconds S      seconds of a measurement (1)
  --engine NAME    what computes (onnx:cpu)

Example:
  $ npm run bench:workers -- --arch primer-ez --sizes 32x2x8
`;

const { values: flags } = parseArgs({
  options: {
    arch: { type: 'string', default: 'transformer' },
    sizes: { type: 'string', default: '16x2x8,32x2x8,64x2x8,96x4x8,128x4x16' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
    engine: { type: 'string', default: 'onnx:cpu' },
    help: { type: 'boolean', default: false },
  },
});

const cores = availableParallelism();
/** Workers x threads; the first is the yardstick. */
const SETTINGS = [
  { workers: 1, threads: 1 },
  { workers: 1, threads: cores },
  { workers: cores, threads: 1 },
];

/** Tokens/s of each setting, all workers together: medians over the rounds. */
async function ratesOf(shape: Omit<PeerCase, 'threads'>): Promise<number[]> {
  const participants: Participant[] = SETTINGS.map(({ workers, threads }) =>
    startParticipant('isoloss', '', { ...shape, threads }, workers),
  );
  const tokensPerStep = shape.batchSize * shape.contextLength;
  try {
    const rates: number[][] = SETTINGS.map(() => []);
    const steps = SETTINGS.map(() => STORED_STEPS);
    for (let round = -1; round < Number(flags.rounds); round++) {
      for (const [i, { train }] of participants.entries()) {
        const answers = await train(steps[i]!);
        const stepsPerSecond = steps[i]! / Math.max(...answers.map(({ seconds }) => seconds));
        if (round >= 0) rates[i]!.push(stepsPerSecond * answers.length * tokensPerStep);
        else steps[i] = Math.max(8, Math.round((stepsPerSecond * Number(flags.seconds)) / 8) * 8);
      }
    }
    return rates.map(median);
  } finally {
    for (const { stop } of participants) stop();
  }
}

if (flags.help) {
  process.stdout.write(HELP);
} else {
  const names = SETTINGS.map(({ workers, threads }) => `${workers} x ${threads}`);
  process.stdout.write(
    `${cpuModel()}; ${flags.engine}; ${flags.arch}; tokens/s by workers x threads, share of ${cores} x (1 x 1)\n`,
  );
  process.stdout.write(`size       ${names.map((name) => name.padStart(16)).join('')}\n`);
  for (const size of flags.sizes.split(',')) {
    const [dModel, nLayers, batchSize] = size.split('x').map(Number) as [number, number, number];
    const rates = await ratesOf({
      preset: flags.arch,
      dModel,
      nLayers,
      batchSize,
      contextLength: 128,
      vocabSize: 1024,
      engine: engineNamed(flags.engine),
    });
    const cells = rates.map((rate) =>
      `${rate.toFixed(0)} (${(rate / (cores * rates[0]!)).toFixed(2)})`.padStart(16),
    );
    process.stdout.write(`${size.padEnd(11)}${cells.join('')}\n`);
  }
}
