/** Variants in files of a temporary folder, as users have them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A folder that is removed after the tests of the file, and a writer into it. */
export function variantFolder(): { folder: string; write: (name: string, text: string) => string } {
  const folder = mkdtempSync(join(tmpdir(), 'isoloss-variants-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return {
    folder,
    write: (name, text) => {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    },
  };
}

/** A whole forward pass around a body that makes \`x\` [rows, dModel] into another x. */
export const forwardFile = (name: string, body: string, params = ''): string =>
  `import * as ops from 'isoloss/ops';
import { defineVariant, matrix } from 'isoloss/variants';
const { tf } = ops;
export const variant = defineVariant({
  name: '${name}',
  positions: 'absolute',
  params: ({ vocabSize, dModel, contextLength }) => [
    { name: 'embedding', shape: [vocabSize, dModel], init: { kind: 'normal', std: 1 }, group: 'embedding', decay: false },
    matrix('mix', dModel, dModel, dModel ** -0.5, 'feedForward'),
    matrix('output', dModel, vocabSize, dModel ** -0.5, 'output'),
    ${params}
  ],
  logits(params, tokens, { batchSize, shape }) {
    const { contextLength, dModel } = shape;
    const rows = contextLength * batchSize;
    let x = tf.add(tf.gather(params['embedding'], tokens), 0);
    x = tf.matMul(x, params['mix']);
    ${body}
    return tf.matMul(x, params['output']);
  },
});
`;
