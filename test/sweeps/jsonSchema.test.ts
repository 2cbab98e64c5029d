/**
 * sweeps/schema.json and docs/sweep-keys.md are generated; this test keeps them current
 * (`npx vitest run test/sweeps/jsonSchema -u` renews them).
 */
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../src/sweeps/plan.js';
import { sweepJsonSchema } from '../../src/sweeps/schema.js';
import { sweepKeysPage } from './sweepKeysPage.js';

describe('the JSON Schema for editors', () => {
  it('is that of the sweep files', async () => {
    const text = `${JSON.stringify(sweepJsonSchema(CATALOGUE), null, 2)}\n`;
    await expect(text).toMatchFileSnapshot('../../sweeps/schema.json');
  });

  it('names the architectures and refuses unknown keys', () => {
    const schema = sweepJsonSchema(CATALOGUE);
    expect(schema['additionalProperties']).toBe(false);
    expect(JSON.stringify(schema)).toContain('"primer-ez@rotary"');
    expect(schema['required']).toEqual(
      expect.arrayContaining(['name', 'corpus', 'learningRate', 'sizes', 'cells']),
    );
    expect(schema['required']).not.toContain('workers');
  });

  it('is what the page of keys lists', async () => {
    await expect(sweepKeysPage()).toMatchFileSnapshot('../../docs/sweep-keys.md');
  });
});
