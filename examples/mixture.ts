/** A mixture over the feed-forward layer: four experts in every layer, each token through the one that its router chose. */
import { defineVariant } from 'isoloss/variants';

export const variant = defineVariant({
  name: 'four-experts',
  description: 'Transformer whose feed-forward layers are top-1 mixtures of four experts of half the width',
  base: 'transformer',
  options: {
    experts: { count: 4, everyNthLayer: 1, capacityFactor: 1.5, minCapacity: 4, balanceWeight: 0.01 },
  },
  defaultDff: (dModel) => 2 * dModel,
});
