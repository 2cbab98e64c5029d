/** Numbers as people read them: FLOPs, counts, bytes, durations. */

/** `1e11`, `1.53e13`; exact where `digits` is not given. */
export function flopsText(flops: number, digits?: number): string {
  const text =
    digits === undefined ? flops.toExponential() : Number(flops.toPrecision(digits)).toExponential();
  return text.replace('e+', 'e');
}

/** `950`, `12.3k`, `4.56M`, `1.2G` */
export function countText(count: number): string {
  const units: readonly (readonly [number, string])[] = [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ];
  const unit = units.find(([size]) => count >= size * 0.9995);
  return unit === undefined
    ? String(Math.round(count))
    : `${Number((count / unit[0]).toPrecision(3))}${unit[1]}`;
}

/** `950 B`, `12.3 KB`, `4.56 GB`, in powers of 1000 */
export function bytesText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = Math.min(
    units.length - 1,
    Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1) * 1.0005) / 3)),
  );
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]!}`;
}

/** `42 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`, `241 d`, `3.4 years` */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
  const days = seconds / 86_400;
  if (days >= 2 * 365) return `${Number((days / 365.25).toPrecision(2)).toLocaleString('en')} years`;
  if (days >= 100) return `${Math.round(days)} d`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
