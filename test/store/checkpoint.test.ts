import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  loadCheckpoint,
  previousCheckpointPath,
  removeCheckpoints,
  saveCheckpoint,
} from '../../src/store/checkpoint.js';
import type { Checkpoint } from '../../src/store/checkpoint.js';
import { readSafetensors } from '../../src/store/safetensors.js';
import { useTemporaryFolders } from './fixtures.js';

const makeFolder = useTemporaryFolders();

function makeCheckpoint(step: number): Checkpoint {
  return {
    step,
    tensors: {
      'blocks/0/wq': { shape: [2, 3], data: new Float32Array([1, -2.5, 3e-38, 0.1, -0, step]) },
      'optimizer/count': { shape: [], data: new Int32Array([-step]) },
      nothing: { shape: [0, 4], data: new Float32Array(0) },
    },
    metadata: { runKey: '00000000000000ab', note: 'é "sha256":"' },
  };
}

/** Made by the reference implementation (Python safetensors): w = [[1.5, -2], [0.25, 3]], ids = [7, -8, 9]. */
const REFERENCE_HEX =
  '98000000000000007b225f5f6d657461646174615f5f223a7b2268656c6c6f223a2277c3b6726c64227d2c2277223a7b226474797065223a22' +
  '463332222c227368617065223a5b322c325d2c22646174615f6f666673657473223a5b302c31365d7d2c22696473223a7b226474797065223a' +
  '22493332222c227368617065223a5b335d2c22646174615f6f666673657473223a5b31362c32385d7d7d202020200000c03f000000c0000080' +
  '3e0000404007000000f8ffffff09000000';

describe('safetensors', () => {
  it('reads a file of the reference implementation', () => {
    const path = join(makeFolder(), 'x.safetensors');
    const bytes = Buffer.from(REFERENCE_HEX, 'hex');
    writeFileSync(path, bytes);
    const fd = openSync(path, 'r');
    const seen: Uint8Array[] = [];
    const content = readSafetensors(fd, bytes.length, (piece) => seen.push(Uint8Array.from(piece)));
    closeSync(fd);
    expect(content).toEqual({
      tensors: {
        w: { shape: [2, 2], data: new Float32Array([1.5, -2, 0.25, 3]) },
        ids: { shape: [3], data: new Int32Array([7, -8, 9]) },
      },
      metadata: { hello: 'wörld' },
    });
    expect(Buffer.concat(seen).equals(bytes)).toBe(true);
  });
});

describe('saveCheckpoint', () => {
  it('writes the format, as an independent reading of its specification finds it', () => {
    const path = join(makeFolder(), 'checkpoint.safetensors');
    saveCheckpoint(path, makeCheckpoint(7));
    const bytes = readFileSync(path);
    const headerLength = Number(bytes.readBigUInt64LE(0));
    expect(headerLength % 8).toBe(0);
    const text = bytes.toString('utf8', 8, 8 + headerLength);
    expect(text[0]).toBe('{');
    const header = JSON.parse(text) as Record<string, Record<string, unknown>>;
    expect(header['__metadata__']).toMatchObject({ runKey: '00000000000000ab', step: '7', format: '1' });
    expect(header['blocks/0/wq']).toEqual({ dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] });
    expect(header['optimizer/count']).toEqual({ dtype: 'I32', shape: [], data_offsets: [24, 28] });
    expect(header['nothing']).toEqual({ dtype: 'F32', shape: [0, 4], data_offsets: [28, 28] });
    const data = bytes.subarray(8 + headerLength);
    expect(data.length).toBe(28);
    expect(data.readFloatLE(4)).toBe(-2.5);
    expect(data.readFloatLE(20)).toBe(7);
    expect(data.readInt32LE(24)).toBe(-7);
  });

  it('is loaded equal, bit for bit', () => {
    const path = join(makeFolder(), 'checkpoint.safetensors');
    saveCheckpoint(path, makeCheckpoint(7));
    const { checkpoint, reason } = loadCheckpoint(path);
    expect(reason).toBeNull();
    expect(checkpoint).toEqual(makeCheckpoint(7));
    expect(Object.is(checkpoint?.tensors['blocks/0/wq']?.data[4], -0)).toBe(true);
  });

  it('stores part of a larger buffer, and names that look like numbers', () => {
    const path = join(makeFolder(), 'checkpoint.safetensors');
    const data = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
    const tensors = { b: { shape: [2], data }, '1': { shape: [1], data: new Int32Array([5]) } };
    saveCheckpoint(path, { step: 1, tensors, metadata: {} });
    expect(loadCheckpoint(path).checkpoint?.tensors).toEqual(tensors);
  });

  it('keeps the last one', () => {
    const folder = makeFolder();
    const path = join(folder, 'checkpoint.safetensors');
    for (const step of [8, 16, 24]) saveCheckpoint(path, makeCheckpoint(step));
    expect(readdirSync(folder).sort()).toEqual(['checkpoint.safetensors', 'checkpoint.safetensors.previous']);
    expect(loadCheckpoint(path).checkpoint?.step).toBe(24);
    expect(loadCheckpoint(previousCheckpointPath(path)).checkpoint?.step).toBe(16);
    removeCheckpoints(path);
    expect(readdirSync(folder)).toEqual([]);
    expect(loadCheckpoint(path)).toEqual({ checkpoint: null, reason: null });
  });

  it('refuses data that do not fill their shape, and reserved names, and keeps the earlier one', () => {
    const folder = makeFolder();
    const path = join(folder, 'checkpoint.safetensors');
    saveCheckpoint(path, makeCheckpoint(8));
    const wrong = { w: { shape: [3], data: new Float32Array(2) } };
    expect(() => {
      saveCheckpoint(path, { step: 9, tensors: wrong, metadata: {} });
    }).toThrow('Tensor w has shape [3] but 2 values.');
    expect(() => {
      saveCheckpoint(path, { step: 9, tensors: {}, metadata: { step: '3' } });
    }).toThrow("can't be named step");
    expect(loadCheckpoint(path).checkpoint?.step).toBe(8);
    expect(readdirSync(folder)).toEqual(['checkpoint.safetensors']);
  });
});

describe('a damaged checkpoint', () => {
  it('is never loaded, wherever a byte differs or it is cut off', () => {
    const path = join(makeFolder(), 'checkpoint.safetensors');
    saveCheckpoint(path, makeCheckpoint(7));
    const whole = readFileSync(path);
    const damage = fc.record({
      at: fc.integer({ min: 0, max: whole.length - 1 }),
      flip: fc.integer({ min: 1, max: 255 }),
      isCut: fc.boolean(),
    });
    fc.assert(
      fc.property(damage, ({ at, flip, isCut }) => {
        const bytes = Buffer.from(isCut ? whole.subarray(0, at) : whole);
        if (!isCut) bytes[at] = bytes[at]! ^ flip;
        writeFileSync(path, bytes);
        const { checkpoint, reason } = loadCheckpoint(path);
        expect(checkpoint).toBeNull();
        expect(reason).toMatch(/checkpoint\.safetensors can't be used: .+\./);
      }),
      { numRuns: 500 },
    );
  });

  it('gives way to the previous one, with the reason', () => {
    const path = join(makeFolder(), 'checkpoint.safetensors');
    saveCheckpoint(path, makeCheckpoint(8));
    saveCheckpoint(path, makeCheckpoint(16));
    const bytes = readFileSync(path);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(path, bytes);
    const { checkpoint, reason } = loadCheckpoint(path);
    expect(checkpoint?.step).toBe(8);
    expect(reason).toContain('its checksum does not match its content');
  });
});
