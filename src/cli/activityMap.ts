import type { Picture } from '../io/picture.js';

/** Side that a map is enlarged to at least. */
const leastSide = 224;

const nowhere = [13, 20, 48];
const everywhere = [255, 214, 92];

/**
 * A map of shares as a picture: dark where nothing fires, bright where all filters do, every pixel enlarged to a square.
 *
 * @param map - [height, width], 0 to 1
 */
export function drawActivity(map: Float32Array, height: number, width: number): Picture {
  const scale = Math.max(1, Math.ceil(leastSide / Math.max(height, width)));
  const data = new Uint8Array(height * width * scale * scale * 3);
  for (let index = 0; index < data.length; index++) {
    const pixel = Math.floor(index / 3);
    const [y, x] = [Math.floor(pixel / (width * scale)), pixel % (width * scale)];
    const share = map[Math.floor(y / scale) * width + Math.floor(x / scale)]!;
    const channel = index % 3;
    data[index] = Math.round(nowhere[channel]! + share * (everywhere[channel]! - nowhere[channel]!));
  }
  return { width: width * scale, height: height * scale, data };
}
