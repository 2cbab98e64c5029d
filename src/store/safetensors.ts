/**
 * The safetensors format: 8 bytes of header length (little-endian), a JSON header of names, types, shapes and
 * offsets, then the tensors' bytes without gaps. https://github.com/huggingface/safetensors#format
 */
import { readSync } from 'node:fs';
import { endianness } from 'node:os';
import { z } from 'zod';

/** A tensor as checkpoints hold it, row-major. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

export interface SafetensorsContent {
  readonly tensors: Record<string, StoredTensor>;
  /** `__metadata__`: strings by name. */
  readonly metadata: Record<string, string>;
}

/** One `read` call never asks for more: the system's limit is just under 2 GiB. */
const READ_BYTES = 1 << 28;
/** The reference implementation refuses longer headers. */
const MAX_HEADER_BYTES = 100_000_000;

const headerSchema = z.object({ __metadata__: z.record(z.string(), z.string()).optional() }).catchall(
  z.object({
    dtype: z.enum(['F32', 'I32']),
    shape: z.array(z.number().int().nonnegative()),
    data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
  }),
);

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The bytes of a typed array, without a copy. */
export function bytesOf(data: Float32Array | Int32Array): Uint8Array {
  if (endianness() !== 'LE')
    throw new Error('Tensors are stored in little-endian order, and this machine has the other.');
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * The length field and the header, padded with blanks so that the tensors start at a multiple of 8 bytes. The tensors'
 * bytes follow in the order of their names in `tensors`.
 *
 * @throws Error where a tensor's data does not fill its shape
 */
export function encodeHeader(
  tensors: Readonly<Record<string, StoredTensor>>,
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    if (name === '__metadata__') throw new Error("A tensor can't be named __metadata__.");
    if (elements(shape) !== data.length) {
      throw new Error(`Tensor ${name} has shape [${shape.join(', ')}] but ${data.length} values.`);
    }
    const end = offset + data.byteLength;
    const dtype = data instanceof Float32Array ? 'F32' : 'I32';
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header), 'utf8');
  const padded = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  padded.writeBigUInt64LE(BigInt(padded.length - 8), 0);
  json.copy(padded, 8);
  return padded;
}

/**
 * Reads a whole file and shows it to `onBytes` in pieces, in its order: the length field, the header, each tensor.
 *
 * @throws Error saying in what way the file is no safetensors file
 */
export function readSafetensors(
  fd: number,
  fileBytes: number,
  onBytes: (bytes: Uint8Array) => void,
): SafetensorsContent {
  const prefix = readFully(fd, Buffer.alloc(8), onBytes);
  const headerBytes = Number(prefix.readBigUInt64LE(0));
  if (headerBytes > Math.min(MAX_HEADER_BYTES, fileBytes - 8))
    throw new Error('its header is longer than the file');
  const text = readFully(fd, Buffer.alloc(headerBytes), onBytes).toString('utf8');
  const header = headerSchema.safeParse(parseHeader(text));
  if (!header.success) throw new Error('its header is not one that isoloss writes');
  const { __metadata__: metadata = {}, ...entries } = header.data;
  const tensors: Record<string, StoredTensor> = {};
  let offset = 0;
  const inOrder = Object.entries(entries).sort(
    ([, { data_offsets: a }], [, { data_offsets: b }]) => a[0] - b[0] || a[1] - b[1],
  );
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [start, end],
    },
  ] of inOrder) {
    if (start !== offset || end - start !== elements(shape) * 4)
      throw new Error(`tensor ${name} is misplaced`);
    if (8 + headerBytes + end > fileBytes) throw new Error('it ends before its last tensor does');
    const length = (end - start) / 4;
    const data = dtype === 'F32' ? new Float32Array(length) : new Int32Array(length);
    readFully(fd, bytesOf(data), onBytes);
    tensors[name] = { shape, data };
    offset = end;
  }
  if (8 + headerBytes + offset !== fileBytes) throw new Error('it goes on after its last tensor');
  return { tensors, metadata };
}

function parseHeader(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function readFully<T extends Uint8Array>(fd: number, into: T, onBytes: (bytes: Uint8Array) => void): T {
  let offset = 0;
  while (offset < into.length) {
    const read = readSync(fd, into, offset, Math.min(READ_BYTES, into.length - offset), null);
    if (read === 0) throw new Error('it ends too early');
    offset += read;
  }
  onBytes(into);
  return into;
}
