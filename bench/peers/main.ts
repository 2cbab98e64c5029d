/** `npm run bench:peers`: the same training step in isoloss, PyTorch and JAX, run in turns; speed, losses and memory. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuModel } from '../../src/engine/cpu.js';
import { engineNamed, STORED_STEPS, writeCase, type PeerCase } from './case.js';
import { median } from './median.js';
import { peerEnvironment, SIDES, startParticipant, type Participant, type Side } from './participant.js';

const HELP = `Usage: npm run bench:peers -- [options]

Trains the same models from the same initial values on the same tokens in isoloss, PyTorch (eager and torch.compile)
and JAX, in turns, and prints medians of tokens/s, of the ratio of isoloss to each, and peak memory.

  --arch NAMES     architectures, with commas (transformer,primer-ez,t5,primer)
  --sizes SIZES    dModel x layers x batch, with commas (64x2x16,128x4x16,256x6x16)
  --length N       context length (128)
  --vocab N        vocabulary size (1024)
  --threads N      threads in each process (all cores)
  --processes N    processes of each side at once (1)
  --rounds N       measurements of each side, in turns (7)
  --seconds S      seconds of a measurement (0.7)
  --peers NAMES    torch,torch.compile,jax
  --engine NAME    of isoloss (onnx:cpu)
  --json           one JSON object a case

Examples:
  $ npm run bench:peers
  $ npm run bench:peers -- --sizes 32x2x8,64x2x8 --threads 1 --processes 2 --engine native:cpu

The peers are Python packages, which this command does not install:
  $ pip install --target ../peers torch==2.13.0 numpy jax==0.10.2 jaxlib==0.10.2
  $ ISOLOSS_PEERS=../peers npm run bench:peers
torch.compile needs a C++ compiler (g++).
`;

const { values: flags } = parseArgs({
  options: {
    arch: { type: 'string', default: 'transformer,primer-ez,t5,primer' },
    sizes: { type: 'string', default: '64x2x16,128x4x16,256x6x16' },
    length: { type: 'string', default: '128' },
    vocab: { type: 'string', default: '1024' },
    threads: { type: 'string', default: String(availableParallelism()) },
    processes: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '0.7' },
    peers: { type: 'string', default: 'torch,torch.compile,jax' },
    engine: { type: 'string', default: 'onnx:cpu' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

interface SideResult {
  readonly name: string;
  readonly tokensPerSecond: number;
  /** isoloss's rate over this side's, the median over rounds. */
  readonly ratio: number;
  readonly peakBytes: number;
  /** Largest relative difference of a loss from isoloss's over the first steps. */
  readonly lossDifference: number;
}

/** Losses of the first steps must agree: otherwise the sides do not do the same work. */
const LOSS_TOLERANCE = 1e-4;

async function compare(
  benchCase: PeerCase,
  sides: readonly Side[],
  processes: number,
): Promise<SideResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'isoloss-peers-'));
  const participants: Participant[] = [];
  try {
    writeCase(folder, benchCase);
    for (const side of sides) participants.push(startParticipant(side, folder, benchCase, processes));
    const first: (readonly number[])[] = [];
    // One after the other, since torch.compile and JAX compile now.
    for (const { train } of participants) first.push((await train(STORED_STEPS))[0]!.losses);
    const rates: number[][] = participants.map(() => []);
    const steps = participants.map(() => STORED_STEPS);
    const peaks = participants.map(() => 0);
    for (let round = -1; round < Number(flags.rounds); round++) {
      for (const [i, { train }] of participants.entries()) {
        const answers = await train(steps[i]!);
        const seconds = Math.max(...answers.map((answer) => answer.seconds));
        const stepsPerSecond = (steps[i]! * processes) / seconds;
        if (round >= 0) rates[i]!.push(stepsPerSecond * benchCase.batchSize * benchCase.contextLength);
        // The first round finds out how many steps fill a measurement.
        else
          steps[i] = Math.max(8, Math.round(((stepsPerSecond / processes) * Number(flags.seconds)) / 8) * 8);
        peaks[i] = Math.max(...answers.map((answer) => answer.peakBytes));
      }
    }
    return participants.map(({ name }, i) => ({
      name,
      tokensPerSecond: median(rates[i]!),
      ratio: median(rates[0]!.map((rate, round) => rate / rates[i]![round]!)),
      peakBytes: peaks[i]!,
      lossDifference: Math.max(...first[0]!.map((loss, step) => Math.abs(first[i]![step]! / loss - 1))),
    }));
  } finally {
    for (const { stop } of participants) stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function line(benchCase: PeerCase, results: readonly SideResult[]): string {
  const { preset, dModel, nLayers, batchSize } = benchCase;
  const sides = results.map(
    ({ tokensPerSecond, ratio }, i) =>
      tokensPerSecond.toFixed(0).padStart(8) + (i === 0 ? '' : ` (${ratio.toFixed(2)}x)`.padStart(9)),
  );
  const best = Math.min(...results.slice(1).map(({ ratio }) => ratio));
  const memory = results.map(({ peakBytes }) => (peakBytes / 2 ** 20).toFixed(0)).join(' ');
  const difference = Math.max(...results.map(({ lossDifference }) => lossDifference));
  return `${preset.padEnd(12)} ${`${dModel}x${nLayers}x${batchSize}`.padEnd(9)} ${sides.join(' ')} ${`${best.toFixed(2)}x`.padStart(7)}   ${memory}   ${difference.toExponential(1)}`;
}

/** The version of a peer, or null where Python does not find it. */
function peerVersion(side: Side): string | null {
  const module = side === 'jax' ? 'jax' : 'torch';
  const { stdout, status } = spawnSync('python3', ['-c', `import ${module}; print(${module}.__version__)`], {
    encoding: 'utf8',
    env: peerEnvironment(),
  });
  return status === 0 ? stdout.trim() : null;
}

if (flags.help) {
  process.stdout.write(HELP);
} else {
  const peers = flags.peers.split(',').map((name) => {
    const side = SIDES.slice(1).find((known) => known === name);
    if (side === undefined) throw new Error(`unknown peer "${name}"; there are ${SIDES.slice(1).join(', ')}`);
    return [side, peerVersion(side)] as const;
  });
  const engine = engineNamed(flags.engine);
  const missing = peers.filter(([, version]) => version === null).map(([side]) => side);
  if (missing.length > 0) {
    process.stderr.write(`python3 does not find ${missing.join(', ')}.\n\n${HELP}`);
    process.exitCode = 1;
  } else {
    const sides: Side[] = ['isoloss', ...peers.map(([side]) => side)];
    if (!flags.json) {
      const versions = peers.map(([side, version]) => `${side} ${version!}`).join(', ');
      process.stdout.write(
        `${cpuModel()}, ${engine}, ${flags.processes} x ${flags.threads} threads; ${versions}; length ${flags.length}, vocabulary ${flags.vocab}\n` +
          `architecture size     tokens/s of ${sides.join(', ')} (how many times as fast isoloss is); against the best; ` +
          `peak MiB of each; largest difference of a loss\n`,
      );
    }
    for (const size of flags.sizes.split(',')) {
      for (const preset of flags.arch.split(',')) {
        const [dModel, nLayers, batchSize] = size.split('x').map(Number) as [number, number, number];
        const benchCase: PeerCase = {
          preset,
          dModel,
          nLayers,
          batchSize,
          contextLength: Number(flags.length),
          vocabSize: Number(flags.vocab),
          threads: Number(flags.threads),
          engine,
        };
        const results = await compare(benchCase, sides, Number(flags.processes));
        process.stdout.write(
          flags.json ? `${JSON.stringify({ ...benchCase, results })}\n` : `${line(benchCase, results)}\n`,
        );
        const worst = Math.max(...results.map(({ lossDifference }) => lossDifference));
        if (!(worst <= LOSS_TOLERANCE)) {
          process.stderr.write(`the losses of ${preset} at ${size} differ by ${worst.toExponential(1)}\n`);
          process.exitCode = 1;
        }
      }
    }
  }
}
