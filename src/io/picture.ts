import { requireKind } from '../arrays.js';
import { ShapeError } from '../errors.js';
import { requireInteger, requireLength } from './checks.js';
import type { Normalisation } from './dataset.js';
import { type Pixels, type ResampleFilter, resample } from './resample.js';

/** A picture as bytes, row by row: grey, R G B, or R G B alpha as the `ImageData` of a canvas is. */
export interface Picture {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** [height, width, 1, 3 or 4] */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** How a picture becomes the input of a network: resized as a whole, cut out of the middle. */
export interface PictureTransform {
  /** What the shorter side is resized to, antialiased; the longer one follows. */
  readonly resize: number;
  /** The part in the middle that is kept; not larger than `resize`. */
  readonly crop: {
    /** In pixels. */
    readonly height: number;
    /** In pixels. */
    readonly width: number;
  };
  /** How pixels are weighed, `bilinear` where left out. */
  readonly filter?: ResampleFilter;
}

/** What torchvision's classification networks are evaluated with: 256, 224, and the statistics of ImageNet. */
export const imageNetTransform: PictureTransform = { resize: 256, crop: { height: 224, width: 224 } };

/** Mean and deviation of ImageNet's channels, in units of pixel value / 255. */
export const imageNetNormalisation: Normalisation = {
  mean: [0.485, 0.456, 0.406],
  deviation: [0.229, 0.224, 0.225],
};

/**
 * A picture resized and cut as torchvision's evaluation transform does it with Pillow, byte for byte. Alpha is dropped; colours
 * become grey, or grey colours, where the number of channels wants it.
 *
 * @param channels 1 or 3
 * @returns [crop height, crop width, channels]
 * @throws ShapeError for data that is no bytes or does not fit the picture's size, and a transform whose sizes are no positive integers or
 *   whose crop is larger than what it is cut from
 */
export function transformPicture(picture: Picture, transform: PictureTransform, channels: 1 | 3 = 3): Uint8Array {
  const { resize, crop, filter } = transform;
  for (const [name, size] of Object.entries({ resize, 'crop.height': crop.height, 'crop.width': crop.width })) {
    requireInteger('transformPicture', name, size, 1);
  }
  const pixels = withChannels(picture, channels);
  const size = resizedSize(picture, resize);
  if (crop.width > size.width || crop.height > size.height) {
    throw new ShapeError({
      operation: 'transformPicture',
      parameter: 'crop',
      expected: `at most the picture of ${size.height} x ${size.width} that it is cut from`,
      got: `${crop.height} x ${crop.width}`,
    });
  }
  const region = {
    left: middle(size.width, crop.width),
    top: middle(size.height, crop.height),
    width: crop.width,
    height: crop.height,
  };
  return resample(pixels, size, region, filter);
}

/**
 * A picture as one image of a network's input: transformed, then (value / 255 - mean) / deviation.
 *
 * @param target where it goes, as many numbers as it has; a new array where left out
 * @returns [crop height, crop width, channels], as many channels as the normalisation has: 1 or 3
 * @throws ShapeError as `transformPicture` does, and for a normalisation of other than 1 or 3 channels
 */
export function pictureInput(
  picture: Picture,
  transform: PictureTransform,
  { mean, deviation }: Normalisation,
  target = new Float32Array(transform.crop.height * transform.crop.width * mean.length),
): Float32Array {
  const channels = channelCount(mean, deviation);
  const bytes = transformPicture(picture, transform, channels);
  requireKind('pictureInput', 'target', target, 'Float32Array');
  requireLength('pictureInput', 'target', target, bytes.length);
  for (let channel = 0; channel < channels; channel++) {
    const values = Float32Array.from(
      { length: 256 },
      (_, value) => (value / 255 - mean[channel]!) / deviation[channel]!,
    );
    for (let index = channel; index < bytes.length; index += channels) target[index] = values[bytes[index]!]!;
  }
  return target;
}

function channelCount(mean: readonly number[], deviation: readonly number[]): 1 | 3 {
  const channels = mean.length;
  const sound = [...mean, ...deviation].every(Number.isFinite) && deviation.every((value) => value > 0);
  if ((channels === 1 || channels === 3) && deviation.length === channels && sound) return channels;
  throw new ShapeError({
    operation: 'pictureInput',
    parameter: 'normalisation',
    expected: 'a mean and a deviation above 0 for 1 or 3 channels',
    got: `[${mean}] and [${deviation}]`,
  });
}

/** The picture in 1 or 3 channels. */
function withChannels({ width, height, data }: Picture, channels: 1 | 3): Pixels {
  requireInteger('transformPicture', 'width', width, 1);
  requireInteger('transformPicture', 'height', height, 1);
  requireKind('transformPicture', 'data', data, 'Uint8Array', 'Uint8ClampedArray');
  const own = data.length / (width * height);
  if (own !== 1 && own !== 3 && own !== 4) {
    const expected = `1, 3 or 4 values for each of ${height} x ${width} pixels`;
    throw new ShapeError({ operation: 'transformPicture', parameter: 'data', expected, got: `${data.length} values` });
  }
  if (own === channels) return { width, height, channels, data };
  const converted = new Uint8Array(width * height * channels);
  let to = 0;
  for (let from = 0; from < data.length; from += own) {
    const red = data[from]!;
    const green = own === 1 ? red : data[from + 1]!;
    const blue = own === 1 ? red : data[from + 2]!;
    if (channels === 1) converted[to++] = luma(red, green, blue);
    else {
      converted[to++] = red;
      converted[to++] = green;
      converted[to++] = blue;
    }
  }
  return { width, height, channels, data: converted };
}

/** ITU-R 601's grey in whole numbers of 2^-16, as Pillow has it. */
function luma(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}

function resizedSize({ width, height }: Picture, resize: number): { readonly width: number; readonly height: number } {
  const longer = Math.trunc((resize * Math.max(width, height)) / Math.min(width, height));
  return width <= height ? { width: resize, height: longer } : { width: longer, height: resize };
}

/** Where the middle part of a side begins: half of what is left over, the even number where that is not whole. */
function middle(size: number, part: number): number {
  const rest = size - part;
  const below = Math.floor(rest / 2);
  return rest % 2 !== 0 && below % 2 !== 0 ? below + 1 : below;
}
