/** Values that have a key in common. */

/** The values of each key, keys and values in the order in which they come. */
export function grouped<K, T>(entries: Iterable<readonly [K, T]>): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const [key, value] of entries) {
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}
