import { loadSharp } from './loadSharp.js';
import type { Picture } from './picture.js';

/**
 * A picture as a PNG file. It takes the npm package `sharp`.
 *
 * @throws ICError where sharp is not installed.
 */
export async function encodePng({ width, height, data }: Picture): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const channels = (data.length / (width * height)) as 1 | 3 | 4;
  return sharp(data, { raw: { width, height, channels } }).png().toBuffer();
}
