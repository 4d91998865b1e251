import { FormatError } from '../../errors.js';
import type { DataFiles } from '../../io/dataFiles.js';
import type { ImageDataset } from '../../io/dataset.js';
import { heldOutWords, holdOut } from '../../io/holdOut.js';
import type { PlacedFile } from '../protocol.js';
import { layOutPictures, type PictureClass } from './classFolders.js';

/** Pictures of a class folder are made square and this wide and high. */
const side = 32;

/**
 * Reads pictures that lie in a folder for each class, which gives the class its name. Where none are set apart to test with,
 * some of each class are held out.
 *
 * @throws FormatError where there are no pictures in folders, a single class, or a picture cannot be read; ShapeError where no
 *   class has a picture to hold out
 */
export async function readClassFolders(files: readonly PlacedFile[]): Promise<DataFiles> {
  const { train, test, notes } = layOutPictures(files);
  const dataset = await readClasses(train);
  if (test) return { train: dataset, test: await readClasses(test), notes };
  return { ...holdOut(dataset), notes: [...notes, `Nothing is set apart to test with: ${heldOutWords}`] };
}

async function readClasses(classes: readonly PictureClass[]): Promise<ImageDataset> {
  const all = classes.flatMap(({ pictures }, label) => pictures.map((picture) => ({ picture, label })));
  const images = new Uint8Array(all.length * side * side * 3);
  const context = squareContext(side);
  for (const [index, { picture }] of all.entries()) {
    const pixels = await squarePixels(picture.file, context, picture.path);
    for (let pixel = 0; pixel < side * side; pixel++) {
      images.set(pixels.subarray(pixel * 4, pixel * 4 + 3), (index * side * side + pixel) * 3);
    }
  }
  return {
    name: 'your pictures',
    count: all.length,
    height: side,
    width: side,
    channels: 3,
    classes: classes.length,
    classNames: classes.map(({ name }) => name),
    images,
    labels: Uint8Array.from(all, ({ label }) => label),
  };
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
