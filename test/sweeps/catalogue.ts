/** A catalogue of architectures for tests, written down from the definitions rather than taken from the registry. */
import type { ArchitectureCatalogue } from '../../src/sweeps/architecture.js';

const POSITIONS_OF: Record<string, 'absolute' | 'relative' | 'rotary'> = {
  transformer: 'absolute',
  'transformer++': 'absolute',
  t5: 'relative',
  't5++': 'relative',
  'primer-ez': 'absolute',
  primer: 'absolute',
};

export const catalogue: ArchitectureCatalogue = {
  architectureNames: () => Object.keys(POSITIONS_OF),
  defaultPositions: (preset) => POSITIONS_OF[preset]!,
  objectiveOf: () => 'nextToken',
  defaultDff: (preset, dModel) => (preset.endsWith('++') ? Math.round((8 * dModel) / 3 / 4) * 4 : 4 * dModel),
};
