/** `98.25 %`; a dash where there is no number. */
export function percent(share: number | undefined, digits = 1): string {
  return share === undefined || Number.isNaN(share) ? '–' : `${(share * 100).toFixed(digits)} %`;
}

/** Three figures that mean something. */
export function figures(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value >= 100 ? grouped(Math.round(value)) : value.toPrecision(3);
}

export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 h 20 min`, `4 min 5 s`, `12 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(Math.round(seconds), 0);
  if (whole >= 3600) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return whole >= 60 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${whole} s`;
}

/** `25.6 M`, `4.1 G`, `320`. */
export function scaled(value: number): string {
  for (const [size, unit] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (value >= size) return `${figures(value / size)} ${unit}`;
  }
  return `${value}`;
}
