import type { ImageDataset } from '../../io/dataset.js';
import { type RandomStream, randomStream } from '../../io/random.js';
import { digitSide, drawnDigits } from './digits.js';

/** Tells the random numbers of a picture's light from those that its digit is drawn with. */
const light = 77;
/** Of the darkest picture, as a share of the brightest. */
const leastLight = 0.1;
const middle = (digitSide - 1) / 2;

/**
 * The handwriting of {@link drawnDigits} on grey paper in changing light: ten times as bright in one picture as in another, and up
 * to seven times as bright on one side as on the other, with grain. Small networks make mistakes on it.
 *
 * @param seed - another one gives other pictures
 */
export function litDigits(name: string, count: number, seed: number): ImageDataset {
  const clear = drawnDigits(name, count, seed);
  const images = new Uint8Array(clear.images.length);
  for (let index = 0; index < count; index++) {
    const own = [index * digitSide ** 2, (index + 1) * digitSide ** 2] as const;
    expose(clear.images.subarray(...own), images.subarray(...own), randomStream(seed, index, light));
  }
  return { ...clear, images };
}

function expose(ink: Uint8Array, picture: Uint8Array, random: RandomStream): void {
  const between = (least: number, most: number): number => least + (most - least) * random.uniform();
  const level = Math.exp(between(Math.log(leastLight), 0));
  const angle = between(0, 2 * Math.PI);
  const slope = between(0, 1);
  const paper = between(0.2, 0.4);
  const strength = between(0.3, 0.6) / 255;
  // Light falls off exponentially along a line, which is the product of how it does along the sides.
  const along = (share: number): number[] =>
    Array.from({ length: digitSide }, (_, at) => Math.exp((slope * share * (at - middle)) / (digitSide / 2)));
  const [columns, rows] = [along(Math.cos(angle)), along(Math.sin(angle))];
  for (let y = 0; y < digitSide; y++) {
    for (let x = 0; x < digitSide; x++) {
      const pixel = y * digitSide + x;
      const brightness = level * columns[x]! * rows[y]!;
      const grain = (0.01 + 0.15 * brightness) * (random.uniform() + random.uniform() - 1);
      const value = brightness * (paper + strength * ink[pixel]!) + grain;
      picture[pixel] = Math.round(Math.min(Math.max(value, 0), 1) * 255);
    }
  }
}
