import type { ImageDataset } from '../../io/dataset.js';
import { randomStream } from '../../io/random.js';

/**
 * A data set turned, slanted and scaled at random, picture by picture: what people draw with a mouse is less regular than
 * what they write with a pen. One channel; black outside.
 */
export function distorted(dataset: ImageDataset, seed: number): ImageDataset {
  const { count, height, width, images } = dataset;
  const moved = new Uint8Array(images.length);
  for (let index = 0; index < count; index++) {
    const random = randomStream(seed, index);
    const within = (limit: number): number => (2 * random.uniform() - 1) * limit;
    const [angle, slant, tall, wide] = [within(0.26), within(0.25), 1 + within(0.18), 1 + within(0.18)];
    const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
    const source = images.subarray(index * height * width, (index + 1) * height * width);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [right, down] = [x - (width - 1) / 2, y - (height - 1) / 2];
        const sourceY = (down * cosine - right * sine) * tall;
        const sourceX = (right * cosine + down * sine) * wide + slant * sourceY;
        const value = sample(source, width, height, sourceX + (width - 1) / 2, sourceY + (height - 1) / 2);
        moved[(index * height + y) * width + x] = Math.round(value);
      }
    }
  }
  return { ...dataset, images: moved };
}

/** Two data sets of the same kind as one. */
export function joined(a: ImageDataset, b: ImageDataset): ImageDataset {
  const images = new Uint8Array(a.images.length + b.images.length);
  images.set(a.images);
  images.set(b.images, a.images.length);
  return { ...a, count: a.count + b.count, images, labels: Uint8Array.from([...a.labels, ...b.labels]) };
}

/** Between the four pixels around a point. */
function sample(image: Uint8Array, width: number, height: number, x: number, y: number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const pixel = (column: number, row: number): number =>
    column >= 0 && column < width && row >= 0 && row < height ? image[row * width + column]! : 0;
  const mix = (a: number, b: number, share: number): number => a + (b - a) * share;
  const upper = mix(pixel(left, top), pixel(left + 1, top), x - left);
  const lower = mix(pixel(left, top + 1), pixel(left + 1, top + 1), x - left);
  return mix(upper, lower, y - top);
}
