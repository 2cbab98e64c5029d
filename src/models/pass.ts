/** What the layers of one forward pass share. */
import type { DecoderOptions } from './decoderOptions.js';
import type { ModelShape, Params, Positions } from './model.js';

export interface Pass {
  readonly params: Params;
  readonly batchSize: number;
  readonly shape: ModelShape;
  readonly options: DecoderOptions;
  readonly positions: Positions;
}
