/** Round tick values. Charts name them, since Vega's own logarithmic axes leave labels out over less than a decade. */

/** Ticks at 1, 2 or 5 times a power of ten, about `count` of them, inside the domain. */
export function niceLinearTicks(domain: readonly [number, number], count: number): number[] {
  const [low, high] = domain;
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((candidate) => candidate >= rough * 0.999)!;
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-12) + 1e-12; i++)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** Ticks for a logarithmic axis: powers of ten, with 2, 3 and 5 between them as far as there is room for `count`. */
export function niceLogTicks(domain: readonly [number, number], count: number): number[] {
  const [low, high] = domain;
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const within = (multiples: readonly number[]): number[] => {
    const ticks: number[] = [];
    for (let e = first; e <= last; e++) {
      for (const m of multiples) {
        const tick = Number((m * 10 ** e).toPrecision(12));
        if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push(tick);
      }
    }
    return ticks;
  };
  const candidates = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7]].map(within);
  const fitting = candidates.filter((ticks) => ticks.length <= count);
  const best = fitting.at(-1);
  if (best !== undefined && best.length >= 2) return best;
  if (best === undefined) {
    const powers = candidates[0]!;
    const every = Math.ceil(powers.length / count);
    return powers.filter((_, i) => i % every === 0);
  }
  return niceLinearTicks(domain, Math.max(2, count - 2));
}
