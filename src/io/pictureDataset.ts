import { FormatError } from '../errors.js';
import { allocate } from './allocate.js';
import type { ImageDataset } from './dataset.js';
import { decodePicture, isUnreadable } from './decodePicture.js';
import { inOrder } from './inOrder.js';
import { type PictureTransform, transformPicture } from './picture.js';
import type { PictureFolders } from './pictureFiles.js';

export interface PictureDatasetOptions {
  /** Of the images that the pictures become; 1 or 3 channels. */
  readonly size: { readonly height: number; readonly width: number; readonly channels: number };
  /** Pixels that a picture may have, as of `decodePicture`. */
  readonly maxPixels?: number;
  /** Called for each picture that cannot be read, which is left out; where this is left out, the first one is thrown. */
  readonly onSkipped?: (path: string, error: Error) => void;
  readonly onProgress?: (done: number) => void;
}

/** Pictures that are being decoded at once. */
const decodedAtOnce = 8;

/**
 * Loads pictures into memory as a data set: the shorter side is resized, the middle cut out.
 *
 * @throws FormatError where no picture can be read, LimitError where they do not fit into memory
 */
export async function loadPictureDataset(
  { name, classes }: Pick<PictureFolders, 'name' | 'classes'>,
  { size, onSkipped, onProgress, ...limits }: PictureDatasetOptions,
): Promise<ImageDataset> {
  const { height, width } = size;
  const channels = size.channels === 1 ? 1 : 3;
  if (size.channels !== channels) throw failure('channels', '1 or 3, as pictures have', `${size.channels}`);
  const all = classes.flatMap(({ pictures }, label) => pictures.map((path) => ({ path, label })));
  const imageSize = height * width * channels;
  const what = `${all.length} pictures of ${height} x ${width} x ${channels}; smaller images may fit`;
  const images = new Uint8Array(allocate(all.length * imageSize, 'loadPictureDataset', what));
  const labels = new Uint16Array(all.length);
  const transform: PictureTransform = { resize: Math.max(height, width), crop: { height, width } };
  const read = async ({ path, label }: (typeof all)[number]) => {
    try {
      return { path, label, image: transformPicture(await decodePicture(path, limits), transform, channels) };
    } catch (error) {
      return { path, label, error: error as Error };
    }
  };
  let count = 0;
  let done = 0;
  for await (const { path, label, image, error } of inOrder(all, decodedAtOnce, read)) {
    if (error) {
      if (!onSkipped || !isUnreadable(error)) throw error;
      onSkipped(path, error);
    } else {
      images.set(image, count * imageSize);
      labels[count++] = label;
    }
    onProgress?.(++done);
  }
  if (count === 0) throw failure(name, 'pictures that can be read', `none of ${all.length}`);
  return {
    name,
    count,
    height,
    width,
    channels,
    classes: classes.length,
    classNames: classes.map((folder) => folder.name),
    images: images.subarray(0, count * imageSize),
    labels: labels.subarray(0, count),
  };
}

function failure(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'loadPictureDataset', parameter, expected, got });
}
