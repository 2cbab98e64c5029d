/** Named model sizes: the paper's own shapes, and a ladder of shapes in fixed proportions from 50 thousand to 2 billion parameters. */

/** A shape without vocabulary and context. */
export interface ModelSize {
  readonly name: string;
  readonly dModel: number;
  readonly nLayers: number;
  readonly nHeads: number;
  readonly dHead: number;
  /** Before a gated layer cuts it to 2/3 (registry.ts, `feedForwardWidth`). */
  readonly dFf: number;
}

/** Vocabulary of the paper's T5 models, whose embeddings are tied. */
export const PAPER_VOCAB_SIZE = 32_128;

/**
 * The shapes of the Primer release. Small, medium and large are those of its configuration files (large is T5's, medium
 * T5-base); XL, which is not in it, has dFf = 6 dModel and the 24 heads of 128 of GPT-3 XL, which gives its 1.9 billion.
 */
export const PAPER_SIZES = {
  small: { name: 'small', dModel: 512, nLayers: 6, nHeads: 8, dHead: 64, dFf: 2048 },
  medium: { name: 'medium', dModel: 768, nLayers: 12, nHeads: 12, dHead: 64, dFf: 3072 },
  large: { name: 'large', dModel: 1024, nLayers: 24, nHeads: 16, dHead: 64, dFf: 8192 },
  xl: { name: 'xl', dModel: 2048, nLayers: 24, nHeads: 24, dHead: 128, dFf: 12288 },
} as const satisfies Record<string, ModelSize>;

/** Shapes of the paper's scaling study: 3 depths, 3 widths and 3 ratios of dFf to dModel; heads of 64. */
export const SCALING_STUDY_SIZES: readonly ModelSize[] = [6, 9, 12].flatMap((nLayers) =>
  [384, 512, 1024].flatMap((dModel) =>
    [4, 8, 12].map((ratio) => ({
      name: `l${nLayers}-d${dModel}-f${ratio}`,
      dModel,
      nLayers,
      nHeads: dModel / 64,
      dHead: 64,
      dFf: ratio * dModel,
    })),
  ),
);

/** Widths of the ladder: each rung has 1.4 to 2.4 times the parameters of the one below. */
const LADDER_WIDTHS = [48, 64, 96, 128, 160, 192, 256, 320, 384, 512, 640, 768, 1024, 1280, 1536, 1792, 2176];

/** Width over depth, from 128 upwards; below, two layers are best at the budgets that such models are for. */
const WIDTH_PER_LAYER = 64;

/** Heads are narrower in narrow models, so that there are always several. */
const headWidth = (dModel: number): number => (dModel >= 512 ? 64 : dModel >= 128 ? 32 : 16);

/**
 * The shape of the ladder's proportions at a width: one layer for every 64 of width but at least two, dFf = 4 dModel, heads
 * of 16 (below a width of 128), 32 (below 512) or 64. Without embeddings it has about 12 nLayers dModel^2 parameters.
 * @param dModel a multiple of the head width
 */
export function ladderSize(dModel: number): ModelSize {
  const dHead = headWidth(dModel);
  if (!Number.isInteger(dModel / dHead) || dModel < dHead) {
    throw new RangeError(
      `the ladder has heads of ${dHead} at a width of ${dModel}, which is not a multiple of it`,
    );
  }
  return {
    name: `d${dModel}`,
    dModel,
    nLayers: Math.max(2, Math.round(dModel / WIDTH_PER_LAYER)),
    nHeads: dModel / dHead,
    dHead,
    dFf: 4 * dModel,
  };
}

/** The ladder from d48 (55 thousand parameters without embeddings) to d2176 (1.9 billion), smallest first. */
export const LADDER: readonly ModelSize[] = LADDER_WIDTHS.map(ladderSize);
