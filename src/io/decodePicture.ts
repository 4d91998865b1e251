import type { Sharp, SharpConstructor, SharpOptions } from 'sharp';
import { requireKind } from '../arrays.js';
import { FormatError, LimitError } from '../errors.js';
import { allowance } from './allowance.js';
import { FileError } from './fileError.js';
import { fileKind } from './fileKind.js';
import { loadSharp } from './loadSharp.js';
import { orientationOf } from './orientation.js';
import type { Picture } from './picture.js';
import { latin1, pictureFormat } from './pictureFormat.js';
import { readWithin } from './readWithin.js';

/** How a picture is decoded. */
export interface DecodePictureOptions {
  /** For errors; the path where there is one. */
  readonly name?: string;
  /** Pixels that a picture may have, 100 million where left out; a file may have four bytes for each of them. */
  readonly maxPixels?: number;
}

const usualMaxPixels = 100_000_000;
const fileBytesPerPixel = 4;

/** Files that are held, and pixels that are decoded, at once in the whole process, however many pictures are asked for. */
const files = allowance(8);
const pixels = allowance(2 ** 26);

/**
 * Reads a picture file: JPEG, PNG or WebP, turned upright where it says which side is up. Alpha is dropped; CMYK is converted
 * without a profile, and profiles of other pictures are left alone, as Pillow does. 16 bits are cut to the upper 8, of grey
 * pictures too, which Pillow would clip to white. Bytes of a JPEG that belong to nothing are stepped over.
 * It takes the npm package `sharp`, whose JPEG decoder gives the bytes that Pillow's gives.
 *
 * @param file its path, or its bytes
 * @throws FormatError where it is no such picture, or damaged or cut short anywhere; LimitError for more than `maxPixels`, before
 *   anything is decoded; ShapeError for neither path nor bytes; ICError where sharp is not installed; FileError where the file
 *   cannot be read
 */
export async function decodePicture(
  file: string | Uint8Array,
  { name = typeof file === 'string' ? file : 'picture', maxPixels = usualMaxPixels }: DecodePictureOptions = {},
): Promise<Picture> {
  requireKind('decodePicture', name, file, 'String', 'Uint8Array');
  const sharp = await loadSharp();
  return files(1, async () => {
    const bytes =
      typeof file === 'string'
        ? await readWithin(
            file,
            maxPixels * fileBytesPerPixel,
            'decodePicture',
            ', or more by maxPixels (--max-pixels)',
          )
        : file;
    const format = pictureFormat(bytes);
    if (!format) {
      const start = JSON.stringify(latin1(bytes.subarray(0, 16)));
      throw unreadable(name, fileKind(bytes) ?? `a file that starts with ${start}`);
    }
    const { width, height, space, hasAlpha } = await readable(name, open(sharp, bytes, 'none').metadata());
    if (width * height > maxPixels) {
      const expected = `at most ${maxPixels} pixels, or more by maxPixels (--max-pixels)`;
      throw new LimitError({ operation: 'decodePicture', parameter: name, expected, got: `${width} x ${height}` });
    }
    const decode = (failOn: SharpOptions['failOn']): Promise<Picture> =>
      pixelsOf(upright(open(sharp, bytes, failOn), orientationOf(bytes, format)), space === 'cmyk', hasAlpha);
    return pixels(width * height, () =>
      readable(
        name,
        decode('warning').catch((error: Error) => {
          if (!error.message.split('\n').every((line) => extraneous.test(line))) throw error;
          return decode('truncated');
        }),
      ),
    );
  });
}

/** What libjpeg says of bytes that it steps over. */
const extraneous = /^VipsJpeg: Corrupt JPEG data: \d+ extraneous bytes before marker 0x[0-9a-f]{2}$/;

function open(sharp: SharpConstructor, bytes: Uint8Array, failOn: SharpOptions['failOn']): Sharp {
  return sharp(bytes, { ignoreIcc: true, limitInputPixels: false, failOn });
}

/** What the decoder makes of a picture, or an error that names it. */
async function readable<Result>(name: string, decoding: Promise<Result>): Promise<Result> {
  return decoding.catch((cause: Error) => {
    // The decoder may say the same many times.
    throw unreadable(name, cause.message.split('\n')[0]!, { cause });
  });
}

function unreadable(parameter: string, got: string, options?: ErrorOptions): FormatError {
  return new FormatError(
    { operation: 'decodePicture', parameter, expected: 'a JPEG, PNG or WebP picture', got },
    options,
  );
}

/** Turned and mirrored as EXIF's numbers want it; mirroring comes first. */
function upright(image: Sharp, orientation: number): Sharp {
  const quarters = { 3: 180, 5: 90, 6: 90, 7: 90, 8: 270 }[orientation] ?? 0;
  const leftRight = orientation === 2 || orientation === 7;
  const topBottom = orientation === 4 || orientation === 5;
  return image.flop(leftRight).flip(topBottom).rotate(quarters);
}

async function pixelsOf(image: Sharp, isCmyk: boolean, hasAlpha: boolean): Promise<Picture> {
  const coloured = isCmyk ? image.pipelineColourspace('cmyk').toColourspace('cmyk') : image.toColourspace('srgb');
  const opaque = hasAlpha ? coloured.removeAlpha() : coloured;
  const { data, info } = await opaque.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: isCmyk ? fromCmyk(data) : data };
}

/** Colours from inks by covering: each ink takes its share of what black leaves. */
function fromCmyk(inks: Uint8Array): Uint8Array {
  const colours = new Uint8Array((inks.length / 4) * 3);
  for (let pixel = 0; pixel * 4 < inks.length; pixel++) {
    const light = 255 - inks[pixel * 4 + 3]!;
    for (let channel = 0; channel < 3; channel++) {
      colours[pixel * 3 + channel] = light - Math.round((inks[pixel * 4 + channel]! * light) / 255);
    }
  }
  return colours;
}

/** What the system says of a file that is not there, must not be read or is a folder. */
const unreadableCodes: readonly unknown[] = ['ENOENT', 'EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'];

/** Whether a picture is to blame for an error of {@link decodePicture}, rather than what is missing to read any. */
export function isUnreadable(error: Error): boolean {
  return (
    error instanceof FormatError ||
    error instanceof LimitError ||
    (error instanceof FileError && unreadableCodes.includes(error.code))
  );
}

/**
 * Makes sure that pictures can be decoded.
 *
 * @throws ICError where sharp is not installed
 */
export async function checkDecoder(): Promise<void> {
  await loadSharp();
}
