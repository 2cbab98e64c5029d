/** A new activation in the feed-forward layer: `isoloss check examples/activation.ts`. */
import { tf } from 'isoloss/ops';
import { defineVariant } from 'isoloss/variants';

export const variant = defineVariant({
  name: 'leaky-squared-relu',
  base: 'transformer',
  options: { activation: (x) => tf.square(tf.leakyRelu(x, 0.1)) },
});
