/** Seeded random numbers for bootstraps and simulations: the same on every machine, one stream for each draw. */

/** A stream of random numbers. */
export interface RandomStream {
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
}

/**
 * Stream number `stream` of `seed`: sfc32 (Doty-Humphrey's PractRand), its state filled by splitmix32. Streams of
 * one seed are independent, so draw b is the same however many draws are made and whichever thread makes it.
 */
export function randomStream(seed: number, stream: number): RandomStream {
  let mix = (Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul((stream | 0) + 0x7f4a7c15, 0x85ebca6b)) | 0;
  const splitmix = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let a = splitmix();
  let b = splitmix() ^ (seed | 0);
  let c = splitmix() ^ (stream | 0);
  let counter = 1;
  const next = (): number => {
    const t = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) next();

  let spare: number | null = null;
  return {
    uniform: () => next() / 4294967296,
    normal: () => {
      if (spare !== null) {
        const value = spare;
        spare = null;
        return value;
      }
      // Box-Muller; the half keeps the logarithm's argument off 0.
      const radius = Math.sqrt(-2 * Math.log((next() + 0.5) / 4294967296));
      const angle = (2 * Math.PI * next()) / 4294967296;
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}
