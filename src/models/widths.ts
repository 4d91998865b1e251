/** The nearest multiple of 8 that is at least 8 and not below nine tenths of the number: torchvision's widths. */
export function inEights(channels: number): number {
  const nearest = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}

/** A number with a decimal as torchvision's names have it, with hyphens: `1-0`, `0-75`. */
export function hyphenated(value: number): string {
  return (Number.isInteger(value) ? `${value}.0` : `${value}`).replace('.', '-');
}
