/** `isoloss doctor`: whether this machine has what isoloss needs, and which engines it has. */
import { type Command, Option } from 'commander';
import { ENGINE_NAMES, type EngineName } from '../engine/engineNames.js';
import type { EngineCheck } from '../train/doctor/engineChecks.js';
import type { Finding } from '../train/doctor/machine.js';

interface DoctorFlags {
  readonly engine?: readonly EngineName[];
  readonly results: string;
  readonly json?: true;
}

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('check this machine, and every engine found on it against the reference by a short training')
    .addOption(new Option('--engine <names...>', 'check these alone').choices(ENGINE_NAMES))
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
An engine that is not here is no fault; the line says what it would need. Exit code 1 where one that is here fails or
disagrees with the reference, or where something else is wrong with the machine.

Examples:
  isoloss doctor
  isoloss doctor --engine onnx:cuda onnx:webgpu --json`,
    )
    .action(doctor);
}

async function doctor(flags: DoctorFlags): Promise<void> {
  const { checkResultsFolder } = await import('../store/runDirectory.js');
  const { checkMachine } = await import('../train/doctor/machine.js');
  const { checkEngines, REFERENCE, TOLERANCE } = await import('../train/doctor/engineChecks.js');
  checkResultsFolder(flags.results);
  const findings = await checkMachine(flags.results);
  if (flags.json !== true) process.stdout.write(findings.map(findingLine).join(''));
  const engines = await checkEngines(flags.engine, (name) => process.stderr.write(`checking ${name}\n`));
  const healthy =
    findings.every(({ status }) => status !== 'problem') &&
    engines.every(({ status }) => status === 'agrees' || status === 'unavailable');
  if (flags.json === true) {
    const result = { healthy, machine: findings, reference: REFERENCE, tolerance: TOLERANCE, engines };
    console.log(JSON.stringify(result, null, 2));
  } else {
    const { f32, f16 } = TOLERANCE;
    process.stdout.write(
      `\nEngines; losses of a short training against ${REFERENCE}, relative: at most ${f32}, with bf16 or f16 products ${f16}\n` +
        engines.map(engineLines).join(''),
    );
  }
  process.exitCode = healthy ? 0 : 1;
}

const findingLine = ({ about, status, text }: Finding): string =>
  `${status.padEnd(9)}${about.padEnd(9)}${text}\n`;

const STATUS: Readonly<Record<EngineCheck['status'], string>> = {
  agrees: 'ok',
  disagrees: 'DISAGREES',
  unavailable: 'not here',
  failed: 'FAILED',
};

function engineLines({ engine, status, info, precisions, reason }: EngineCheck): string {
  const line = (text: string): string => `${STATUS[status].padEnd(11)}${engine.padEnd(17)}${text}\n`;
  if (info === null) return line(reason ?? '');
  const differences = precisions.map(({ precision, difference }) =>
    difference === null ? `no ${precision} here` : `${precision} ${difference.toExponential(1)}`,
  );
  return line(
    [`${info.version} on ${info.device}`, ...differences, ...(reason === null ? [] : [reason])].join('; '),
  );
}
