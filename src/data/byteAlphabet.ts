/**
 * GPT-2's byte alphabet: one printable character for each of the 256 bytes, so that a token of any bytes can be
 * written as a string in tokenizer.json. Its order (printable bytes first) also gives the bytes their token ids.
 */

export const BYTE_COUNT = 256;

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

function bytesInOrder(): Uint8Array {
  const all = Array.from({ length: BYTE_COUNT }, (_, byte) => byte);
  return Uint8Array.from([...all.filter(isPrintable), ...all.filter((byte) => !isPrintable(byte))]);
}

/** The byte whose token has this id, for ids 0 to 255; GPT-2's order, which is also the alphabet's code-point order. */
export const byteOfId: Uint8Array = bytesInOrder();

/** The token id of each byte; inverse of {@link byteOfId}. */
export const idOfByte: Uint8Array = new Uint8Array(BYTE_COUNT);
byteOfId.forEach((byte, id) => {
  idOfByte[byte] = id;
});

/** Printable bytes stand for themselves, the others for U+0100 onwards in ascending order. */
const characterOfByte: readonly string[] = (() => {
  let next = BYTE_COUNT;
  return Array.from({ length: BYTE_COUNT }, (_, byte) =>
    String.fromCodePoint(isPrintable(byte) ? byte : next++),
  );
})();

const byteOfCharacter = new Map(characterOfByte.map((character, byte) => [character, byte]));

/** Writes bytes in the byte alphabet, one character a byte: the bytes of ` a` become `Ġa`. */
export function toByteCharacters(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += characterOfByte[byte]!;
  return text;
}

/** Reads a string of the byte alphabet; undefined where a character is not in the alphabet. */
export function fromByteCharacters(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = byteOfCharacter.get(text[i]!);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}
