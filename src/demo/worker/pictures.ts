import { FormatError } from '../../errors.js';
import type { ImageDataset } from '../../io/dataset.js';
import type { PlacedFile } from '../protocol.js';

/** Pictures of a class folder are made square and this wide and high. */
const side = 32;
const pictureNames = /\.(png|jpe?g|webp|gif|bmp|avif)$/i;

/**
 * Reads pictures that lie in a folder for each class, which gives the class its name.
 *
 * @throws FormatError where there are no pictures in folders, a single class, or a picture cannot be read
 */
export async function readClassFolders(
  files: readonly PlacedFile[],
): Promise<{ dataset: ImageDataset; classes: readonly string[] }> {
  const pictures = files.filter(({ path }) => pictureNames.test(path));
  const folderOf = ({ path }: PlacedFile): string => path.split('/').at(-2) ?? '';
  const classes = [...new Set(pictures.map(folderOf))].sort();
  if (classes.length < 2 || classes.length > 256) {
    const expected = 'IDX files, CIFAR-10 binaries, or pictures in a folder for each of 2 to 256 classes';
    const got = pictures.length === 0 ? 'no pictures' : `${classes.length} folders`;
    throw new FormatError({ operation: 'loadData', parameter: 'files', expected, got });
  }
  const images = new Uint8Array(pictures.length * side * side * 3);
  const labels = Uint8Array.from(pictures, (picture) => classes.indexOf(folderOf(picture)));
  const context = squareContext(side);
  for (const [index, { path, file }] of pictures.entries()) {
    const pixels = await squarePixels(file, context, path);
    for (let pixel = 0; pixel < side * side; pixel++) {
      images.set(pixels.subarray(pixel * 4, pixel * 4 + 3), (index * side * side + pixel) * 3);
    }
  }
  const dataset = {
    name: 'your pictures',
    count: pictures.length,
    height: side,
    width: side,
    channels: 3,
    classes: classes.length,
    images,
    labels,
  };
  return { dataset, classes };
}

function squareContext(size: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(size, size).getContext('2d', { willReadFrequently: true })!;
  context.imageSmoothingQuality = 'high';
  return context;
}

/** The middle square of a picture, RGBA. */
async function squarePixels(
  file: Blob,
  context: OffscreenCanvasRenderingContext2D,
  name: string,
): Promise<Uint8ClampedArray> {
  const bitmap = await createImageBitmap(file).catch((cause: unknown) => {
    const expected = 'a picture that the browser reads';
    const got = cause instanceof Error ? cause.message : `${cause}`;
    throw new FormatError({ operation: 'loadData', parameter: name, expected, got }, { cause });
  });
  drawSquare(bitmap, context);
  bitmap.close();
  return context.getImageData(0, 0, context.canvas.width, context.canvas.height).data;
}

/** Draws the middle square of a picture over the whole of a canvas. */
export function drawSquare(bitmap: ImageBitmap, context: OffscreenCanvasRenderingContext2D): void {
  const { width, height } = context.canvas;
  const edge = Math.min(bitmap.width, bitmap.height);
  const [left, top] = [(bitmap.width - edge) / 2, (bitmap.height - edge) / 2];
  context.clearRect(0, 0, width, height);
  context.drawImage(bitmap, left, top, edge, edge, 0, 0, width, height);
}
