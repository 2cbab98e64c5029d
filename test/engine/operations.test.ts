/** docs/operations.md is generated; this test keeps it current (`npx vitest run test/engine/operations -u` renews it). */
import { describe, expect, it } from 'vitest';
import { operationsPage } from './operationsTable.js';

describe('docs/operations.md', () => {
  it('lists what the engine has', async () => {
    await expect(operationsPage()).toMatchFileSnapshot('../../docs/operations.md');
  });
});
