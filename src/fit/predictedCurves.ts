/** A grid over the isoFLOP curves that a law predicts: what a picture of a plan is drawn from. */

export interface PredictedGrid {
  /** What the curves rest on, in words. */
  readonly law: string;
  /** A law of this corpus: its losses are to be expected, not only its shape. */
  readonly isMeasured: boolean;
  readonly budgets: readonly {
    readonly budgetFlops: number;
    readonly curve: readonly GridPoint[];
    /** Planned models, each once. */
    readonly points: readonly (GridPoint & { readonly size: string })[];
  }[];
  readonly optima: readonly PredictedOptimum[];
}

export interface GridPoint {
  /** Parameters as the law counts them: without the embedding, with the output matrix. */
  readonly params: number;
  readonly lossNats: number;
}

export interface PredictedOptimum {
  readonly budgetFlops: number;
  readonly params: number;
  readonly lossNats: number;
  /** Where the optimum lies to the sizes that the sweep trains at this budget. */
  readonly place: 'inside the grid' | 'below the smallest size' | 'above the largest size';
}
