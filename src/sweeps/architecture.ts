/** Architectures as a sweep names them: a preset, and the positions it is trained with. */

/** Encodings of position a preset can be given. */
export const POSITIONS = ['absolute', 'relative', 'rotary'] as const;

export type Positions = (typeof POSITIONS)[number];

/** What a sweep has to know of the presets; `src/models/registry.ts` provides it. */
export interface ArchitectureCatalogue {
  readonly architectureNames: () => readonly string[];
  readonly defaultPositions: (preset: string) => Positions;
  /** What a preset is trained to do: losses of different objectives can't be compared. */
  readonly objectiveOf: (preset: string) => string;
  /** Width of the feed-forward layer where the sweep does not give it. */
  readonly defaultDff: (preset: string, dModel: number) => number;
}

/** A preset with its positions resolved. */
export interface Architecture {
  readonly preset: string;
  readonly positions: Positions;
  /** `preset`, or `preset@positions` where the positions are not the preset's own. */
  readonly label: string;
}

/**
 * Gives an architecture its label.
 *
 * @param positions undefined for the preset's own
 */
export function architecture(
  preset: string,
  positions: Positions | undefined,
  catalogue: ArchitectureCatalogue,
): Architecture {
  const own = catalogue.defaultPositions(preset);
  const resolved = positions ?? own;
  return { preset, positions: resolved, label: resolved === own ? preset : `${preset}@${resolved}` };
}

/** Splits `preset@positions`; the parts are checked by the caller. */
export function splitArchitectureName(name: string): { preset: string; positions: string | undefined } {
  const at = name.indexOf('@');
  return at < 0
    ? { preset: name, positions: undefined }
    : { preset: name.slice(0, at), positions: name.slice(at + 1) };
}

/** True for the names of {@link POSITIONS}. */
export function isPositions(name: string): name is Positions {
  return (POSITIONS as readonly string[]).includes(name);
}

/** Every name that may stand in a sweep file: each preset alone and with each kind of positions. */
export function architectureSpellings(catalogue: ArchitectureCatalogue): string[] {
  return catalogue
    .architectureNames()
    .flatMap((name) => [name, ...POSITIONS.map((positions) => `${name}@${positions}`)]);
}
