/** Thinning of learning curves to what an eye, or a repository, needs. */

/** How many rows of a learning curve reports show and `pack` keeps. */
export const CURVE_ROWS = 200;

/**
 * Rows at log-spaced places of a list, dense at its start where a loss falls fastest; the first and the last are
 * always among them.
 *
 * @param limit how many at most, at least 2; a list that is no longer comes back whole
 */
export function thinLogSpaced<T>(rows: readonly T[], limit: number = CURVE_ROWS): readonly T[] {
  const count = rows.length;
  if (count <= limit) return rows;
  const kept: T[] = [];
  let place = 0;
  for (let left = limit; left > 0; left -= 1) {
    // The ratio that would reach the end in the steps that are left; at least one place further each time.
    const ratio = place === 0 ? 1 : (count / place) ** (1 / left);
    place = left === 1 ? count : Math.max(place + 1, Math.round(place * ratio));
    kept.push(rows[place - 1]!);
  }
  return kept;
}
