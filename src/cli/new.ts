/** `isoloss new variant`: a commented file to start an architecture of one's own from. */
import type { Command } from 'commander';

export function addNewCommand(program: Command): void {
  program
    .command('new')
    .description('write a file to start from')
    .command('variant')
    .description('write ./NAME.ts, an architecture of your own that works as it is')
    .argument('<name>', 'what sweeps and reports will call it')
    .option('--forward', 'a whole forward pass in TensorFlow.js, instead of a change to a preset')
    .addHelpText(
      'after',
      '\nExamples:\n  $ isoloss new variant mish\n  $ isoloss new variant parallel --forward\n  $ isoloss check mish.ts',
    )
    .action(async (name: string, flags: { readonly forward?: true }) => {
      const { writeVariant } = await import('../sweeps/writeVariant.js');
      const path = writeVariant(name, flags.forward === true ? 'forward' : 'options');
      process.stderr.write(`Next: isoloss check ${path}\n`);
      console.log(path);
    });
}
