/** `isoloss check`: whether an architecture can be trusted in a study. */
import type { Command } from 'commander';

interface CheckFlags {
  readonly d: string;
  readonly layers?: string;
  readonly heads?: string;
  readonly length: string;
  readonly vocab: string;
  readonly batch: string;
  readonly positions?: string;
  readonly graph?: string;
  readonly json?: true;
}

export function addCheckCommand(program: Command): void {
  program
    .command('check')
    .description(
      'check an architecture, your own or a preset: it traces, sees no later token, trains every parameter, and learns',
    )
    .argument('<file>', 'file of a variant, or the name of a preset')
    .option('--d <dModel>', 'width', '64')
    .option('--layers <nLayers>', 'depth; 2, or as many as the architecture needs, where not given')
    .option('--heads <nHeads>', 'attention heads; one for every 16 of width where not given')
    .option('--length <tokens>', 'context length', '32')
    .option('--vocab <tokens>', 'vocabulary size', '256')
    .option('--batch <sequences>', 'sequences of a batch', '4')
    .option('--positions <kind>', "absolute, relative or rotary; the architecture's own where not given")
    .option('--graph <file>', 'draw the forward pass, in blocks: FILE.svg, FILE.png, or FILE.mmd for Mermaid')
    .option('--json', 'print everything as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ isoloss check mish.ts\n  $ isoloss check mish.ts --d 128 --layers 4 --graph mish.svg\n  $ isoloss check t5-encdec\n  $ isoloss check primer@rotary\n\nExit code 1 where a check fails.',
    )
    .action(async (file: string, flags: CheckFlags) => {
      const { checkArchitecture } = await import('../sweeps/checkArchitecture.js');
      const { sizeFlag } = await import('./flags.js');
      const dModel = sizeFlag('--d', flags.d);
      const { check, blocks } = await checkArchitecture(file, {
        dModel,
        nLayers: flags.layers === undefined ? undefined : sizeFlag('--layers', flags.layers),
        nHeads: flags.heads === undefined ? undefined : sizeFlag('--heads', flags.heads),
        contextLength: sizeFlag('--length', flags.length),
        vocabSize: sizeFlag('--vocab', flags.vocab),
        batchSize: sizeFlag('--batch', flags.batch),
        positions: flags.positions,
      });
      const { checkJson, checkText } = await import('../report/checkText.js');
      if (flags.graph !== undefined && blocks !== null) {
        const { writeGraph } = await import('../report/checkText.js');
        await writeGraph(flags.graph, blocks, check.setup.preset);
      }
      console.log(flags.json === true ? JSON.stringify(checkJson(check), null, 2) : checkText(check));
      if (!check.passed) process.exitCode = 1;
    });
}
