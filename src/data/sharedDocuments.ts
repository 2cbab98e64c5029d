/** Telling of held-out documents that a corpus with splits of its own also trains on. */
import type { DividedDocuments } from './split.js';
import type { TextTable } from './textTable.js';

/** Warnings after which the rest are counted. */
const MAX_WARNINGS = 20;

/** @param nameOfFile what documents of a file are called */
export function warnOfSharedDocuments(
  { texts, order }: DividedDocuments,
  nameOfFile: (file: number) => string,
  warn: (message: string) => void,
): void {
  const heldOut = (['val', 'test'] as const).flatMap((split) =>
    Array.from(order[split], (text) => ({ split, text, hash: texts.hashOf(text) })),
  );
  const twinOf = new Map<string, number | null>(heldOut.map(({ hash }) => [hash, null]));
  for (const text of order.train) {
    const hash = texts.hashOf(text);
    if (twinOf.has(hash)) twinOf.set(hash, text);
  }
  const shared = heldOut.flatMap(({ split, text, hash }) => {
    const twin = twinOf.get(hash) ?? null;
    return twin === null ? [] : [{ split, text, twin }];
  });
  for (const { split, text, twin } of shared.slice(0, MAX_WARNINGS)) {
    const [name, twinName] = [nameOf(text, texts, nameOfFile), nameOf(twin, texts, nameOfFile)];
    warn(`Document ${name} of the ${split} split is also trained on, as ${twinName}.`);
  }
  if (shared.length > MAX_WARNINGS)
    warn(`${shared.length - MAX_WARNINGS} more held-out documents are also trained on.`);
}

/** The file's name, with `#2` and so on where the file holds several documents. */
function nameOf(text: number, texts: TextTable, nameOfFile: (file: number) => string): string {
  const file = texts.fileOf(text);
  let count = 0;
  let number = 0;
  for (let other = 0; other < texts.count; other++) {
    if (texts.fileOf(other) !== file) continue;
    count += 1;
    if (other === text) number = count;
  }
  return count === 1 ? nameOfFile(file) : `${nameOfFile(file)}#${number}`;
}
