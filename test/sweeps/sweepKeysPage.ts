/** docs/sweep-keys.md from the schema of sweep files: what is listed there is what a file may say. */
import { CATALOGUE } from '../../src/sweeps/plan.js';
import { sweepJsonSchema } from '../../src/sweeps/schema.js';

/** As much of JSON Schema as that of sweep files uses. */
interface Node {
  readonly type?: string;
  readonly const?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly additionalProperties?: Node | false;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
}

/** More values than this are not listed. */
const MOST_VALUES = 10;

function typeText(node: Node): string {
  const choices = node.anyOf ?? node.oneOf;
  if (choices !== undefined) return [...new Set(choices.map(typeText))].join(' or ');
  if (node.const !== undefined) return `\`${node.const}\``;
  if (node.enum !== undefined && node.enum.length <= MOST_VALUES)
    return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.type === 'array') return `list of ${plural(typeText(node.items!))}`;
  if (node.type === 'integer') return 'whole number';
  if (node.type === 'object') return 'keys below';
  return node.type!;
}

const plural = (type: string): string => type.replace(/^(string|whole number|number)\b/, '$1s');

function defaultText(node: Node, isRequired: boolean): string {
  if (isRequired) return 'required';
  return node.default === undefined ? '' : `\`${JSON.stringify(node.default)}\``;
}

const cellText = (text: string): string => text.replaceAll('|', '\\|');

function keysTable({ properties = {}, required = [] }: Node): string {
  const rows = Object.entries(properties).map(([key, node]) => {
    if (!node.description) throw new Error(`The key ${key} of sweep files has no description.`);
    const isRequired = required.includes(key) && node.default === undefined;
    return `| \`${key}\` | ${typeText(node)} | ${defaultText(node, isRequired)} | ${cellText(node.description)} |`;
  });
  return ['| key | value | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

/** The choices of a key, a table each, headed by what tells them apart. */
function choices({ anyOf, oneOf }: Node): string {
  return (anyOf ?? oneOf ?? [])
    .filter((choice) => choice.properties !== undefined)
    .map((choice) => {
      const kind = choice.properties!['kind'];
      const head = kind ? `\`kind: ${kind.const!}\`. ${kind.description!}` : choice.description!;
      const properties = Object.fromEntries(
        Object.entries(choice.properties!).filter(([key]) => key !== 'kind'),
      );
      return `${head}\n\n${keysTable({ ...choice, properties })}`;
    })
    .join('\n\n');
}

export function sweepKeysPage(): string {
  const root = sweepJsonSchema(CATALOGUE) as Node;
  const { optimizer, schedule, learningRate, sizes, cells, slurm } = root.properties!;
  const cell = cells!.items!;
  const budget = cell.properties!['budgets']!.items!;
  const tune = learningRate!.anyOf!.find((choice) => choice.properties?.['tune'])!.properties!['tune']!;
  return `# Keys of a sweep file

Every key that a sweep file may have; any other is refused, with the nearest name. [sweeps/quick.yaml](../sweeps/quick.yaml) is an example, [sweeps.md](sweeps.md) says what the larger ones are for, and editors complete and check a file that begins with \`# yaml-language-server: $schema=schema.json\`. This page is made from the schema (\`npx vitest run test/sweeps/jsonSchema -u\` renews it).

${keysTable(root)}

## optimizer

${choices(optimizer!)}

## schedule

${choices(schedule!)}

## learningRate

One number is the rate of every run. Otherwise:

${choices(learningRate!)}

Keys of \`tune\`:

${keysTable(tune)}

## sizes

A name for each size, and under it:

${keysTable(sizes!.additionalProperties as Node)}

## cells

${keysTable(cell)}

Keys of a budget:

${keysTable(budget)}

Keys of \`repeat\`:

${keysTable(budget.properties!['repeat']!)}

## slurm

${keysTable(slurm!)}
`;
}
