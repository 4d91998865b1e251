import { FormatError } from '../errors.js';
import type { Normalisation } from '../io/dataset.js';
import { decodePicture, isUnreadable } from '../io/decodePicture.js';
import { inOrder } from '../io/inOrder.js';
import { type PictureTransform, pictureInput } from '../io/picture.js';
import type { ReadLimits } from '../terminal/data.js';
import type { SkipCounter } from '../terminal/skips.js';

/** A batch of pictures, ready for a network. */
export interface PictureBatch<Item> {
  /** Those that could be read. */
  readonly items: readonly Item[];
  /** [items, height, width, channels]; used again for the next batch. */
  readonly images: Float32Array;
}

export interface PictureBatchOptions {
  readonly batch: number;
  readonly transform: PictureTransform;
  readonly normalisation: Normalisation;
  readonly skips: SkipCounter;
  readonly limits: ReadLimits;
}

/** Pictures that are being decoded at once, at the least. */
const decodedAtOnce = 8;

/** Decodes pictures, while the network works on those before, into batches of those that can be read. */
export async function* pictureBatches<Item extends { readonly path: string }>(
  pictures: Iterable<Item>,
  { batch, transform, normalisation, skips, limits }: PictureBatchOptions,
): AsyncGenerator<PictureBatch<Item>, void, undefined> {
  const { height, width } = transform.crop;
  const imageSize = height * width * normalisation.mean.length;
  const images = new Float32Array(batch * imageSize);
  let items: Item[] = [];
  const read = async (item: Item): Promise<{ item: Item; input?: Float32Array; error?: Error }> => {
    try {
      return { item, input: pictureInput(await decodePicture(item.path, limits), transform, normalisation) };
    } catch (error) {
      return { item, error: error as Error };
    }
  };
  for await (const { item, input, error } of inOrder(pictures, Math.max(batch, decodedAtOnce), read)) {
    if (!input) {
      if (!isUnreadable(error!)) throw error;
      skips.skip(item.path, error!);
      continue;
    }
    images.set(input, items.length * imageSize);
    items.push(item);
    if (items.length === batch) {
      yield { items, images };
      items = [];
    }
  }
  if (items.length > 0) yield { items, images: images.subarray(0, items.length * imageSize) };
}

/**
 * The same batches, the first of them made at once: what cannot be read of the first pictures shows before anything is compiled.
 *
 * @throws FormatError where none can be read
 */
export async function firstBatchMade<Item>(
  batches: AsyncGenerator<PictureBatch<Item>, void, undefined>,
  place: { readonly operation: string; readonly parameter: string; readonly total: number },
): Promise<AsyncGenerator<PictureBatch<Item>, void, undefined>> {
  const first = await batches.next();
  if (first.done) {
    const { operation, parameter, total } = place;
    throw new FormatError({ operation, parameter, expected: 'pictures that can be read', got: `none of ${total}` });
  }
  const { value } = first;
  return (async function* () {
    yield value;
    yield* batches;
  })();
}
