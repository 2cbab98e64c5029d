/** `isoloss import`: results of other programs. */
import type { Command } from 'commander';
import { namesOf } from './names.js';
import { namedValues } from './pairs.js';

interface ImportRunsOptions {
  readonly results: string;
  readonly name: string;
  readonly title?: string;
  readonly map: readonly string[];
  readonly set: readonly string[];
  readonly where: readonly string[];
  readonly baselines?: string;
  readonly replace?: true;
  readonly json?: true;
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
const collectList = (value: string, before: readonly string[]): readonly string[] => [
  ...before,
  ...value.split(','),
];

export function addImportCommand(program: Command): void {
  const command = program.command('import').description('take in results of other programs');
  command
    .command('runs')
    .description("other tools' finished runs from a CSV file, to be fitted and reported beside one's own")
    .argument('<file>', 'a CSV or TSV file with a header line')
    .requiredOption('--name <name>', 'what the runs are called among the sweeps')
    .option('--map <field=column>', 'column of a field (repeatable, or separated by commas)', collectList, [])
    .option(
      '--set <field=value>',
      'arch, positions or hardware, where all rows have the same',
      collectList,
      [],
    )
    .option('--where <column=value>', 'only rows with this value (repeatable)', collect, [])
    .option('--baselines <names>', 'architectures to compare with, separated by commas')
    .option('--title <text>', 'title of their report')
    .option('--replace', 'replace an earlier import of this name')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--json', 'print what was imported as JSON')
    .addHelpText(
      'after',
      `
Fields: params, tokens, flops, loss (nats per token), arch, positions, seed, budget, steps, seconds, hardware, dModel,
nLayers, flopsMatmul, trunk, status, id. Columns with usual names (N, D, C, loss, arch ...) need no --map, and one in
another unit has a factor: --map "tokens=tokens_B*1e9". All rows are taken in, or none: a wrong one is named by its line.

Examples:
  isoloss import runs theirs.csv --name theirs --map params=N,tokens=D,loss=val_loss
  isoloss import runs theirs.csv --name theirs --set positions=rotary --baselines gpt2 --replace
  isoloss report theirs`,
    )
    .action(async (file: string, options: ImportRunsOptions) => {
      const { CONSTANT_FIELDS, importRuns } = await import('../exchange/importRuns.js');
      const { RUN_FIELDS } = await import('../fit/runTable.js');
      const { path, set } = importRuns(file, {
        resultsDir: options.results,
        name: options.name,
        columns: namedValues('--map', options.map, RUN_FIELDS),
        constants: namedValues('--set', options.set, CONSTANT_FIELDS),
        where: namedValues('--where', options.where, null),
        ...(options.title === undefined ? {} : { title: options.title }),
        baselines: options.baselines === undefined ? [] : namesOf('--baselines', options.baselines),
        replace: options.replace === true,
      });
      if (options.json === true) {
        console.log(JSON.stringify({ path, runs: set.runs.length, ...set.facts }, null, 2));
        return;
      }
      for (const note of set.facts.notes) console.log(note);
      console.log(`${path}: ${set.runs.length} runs`);
    });
}
