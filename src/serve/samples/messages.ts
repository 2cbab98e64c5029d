/** What a run's page asks of its model, and what it gets. */

export interface SampleRequest {
  /** Run directory. */
  readonly directory: string;
  /** Sweeps that list the run, whose files may name the variant that it is of. */
  readonly sweeps: readonly string[];
  readonly prompt: string;
  readonly temperature: number;
  readonly seed: number;
}

export type SampleReply =
  | {
      readonly kind: 'texts';
      /** The prompt as the model read it: cut to the end of what fits in half of its context. */
      readonly prompt: string;
      readonly texts: readonly string[];
    }
  | { readonly kind: 'wrong'; readonly message: string };
