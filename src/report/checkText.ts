/** What `isoloss check` prints and draws. */
import { extname } from 'node:path';
import { UsageError } from '../store/errors.js';
import { writeFileAtomic } from '../store/files.js';
import type { BlockGraph } from '../train/blockGraph.js';
import type { ModelCheck } from '../train/checkModel.js';
import { graphMermaid, graphSvg } from './graphPicture.js';
import { renderPng } from './svg.js';

/** Operations that are listed by name; the rest are counted together. */
const OPERATIONS_SHOWN = 8;

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
const share = (part: number, total: number): string => `${((100 * part) / total).toFixed(1)}%`.padStart(6);

/** The checks as people read them. */
export function checkText(check: ModelCheck): string {
  const { setup, params, cost, checks } = check;
  const lines = [
    `${setup.preset}, ${setup.positions} positions: dModel ${setup.dModel}, ${setup.nLayers} layers, ${setup.nHeads} heads of ${setup.dHead}, ` +
      `dFf ${setup.dFf}, context ${setup.contextLength}, vocabulary ${setup.vocabSize}, batch ${check.batchSize}`,
    '',
    `Parameters  ${whole(params.paramsTotal)}, ${whole(params.paramsNonEmbedding)} without embeddings` +
      (params.paramsActive < params.paramsTotal ? `, ${whole(params.paramsActive)} active for a token` : ''),
    ...Object.entries(params.paramsByGroup).map(
      ([group, count]) =>
        `  ${group.padEnd(22)}${whole(count).padStart(12)} ${share(count, params.paramsTotal)}`,
    ),
  ];
  if (cost !== null) {
    const rest = cost.flopsByOperation.slice(OPERATIONS_SHOWN).reduce((sum, { flops }) => sum + flops, 0);
    lines.push(
      '',
      `FLOPs       ${whole(cost.flopsPerToken)} a token, forward and backward (FLOP rule 1)`,
      ...Object.entries(cost.flopsByKind).map(
        ([kind, flops]) => `  ${kind.padEnd(22)}${''.padStart(12)} ${share(flops, cost.flopsPerStep)}`,
      ),
      '  by operation',
      ...cost.flopsByOperation
        .slice(0, OPERATIONS_SHOWN)
        .map(
          ({ operation, count, flops }) =>
            `    ${operation.padEnd(20)}${`×${count}`.padStart(12)} ${share(flops, cost.flopsPerStep)}`,
        ),
      ...(rest > 0 ? [`    ${'others'.padEnd(20)}${''.padStart(12)} ${share(rest, cost.flopsPerStep)}`] : []),
    );
  }
  lines.push('', 'Checks');
  for (const { name, passed, detail, remedy } of checks) {
    lines.push(`  ${passed ? 'ok    ' : 'FAILED'} ${name.padEnd(10)} ${detail}`);
    if (remedy !== null) lines.push(`         ${''.padEnd(10)} ${remedy}`);
  }
  return lines.join('\n');
}

/** The same for programs, without the traced graph. */
export function checkJson({ forward, ...check }: ModelCheck): Record<string, unknown> {
  return { ...check, forwardOperations: forward?.nodes.length ?? null };
}

/**
 * Draws the blocks of a forward pass.
 * @throws UsageError for an ending other than .svg, .png or .mmd
 */
export async function writeGraph(path: string, blocks: BlockGraph, title: string): Promise<void> {
  switch (extname(path)) {
    case '.png':
      writeFileAtomic(path, await renderPng(graphSvg(blocks, title)));
      return;
    case '.svg':
      writeFileAtomic(path, graphSvg(blocks, title));
      return;
    case '.mmd':
      writeFileAtomic(path, graphMermaid(blocks));
      return;
    default:
      throw new UsageError(`--graph writes .svg or .png (pictures) or .mmd (Mermaid), not ${path}`);
  }
}
