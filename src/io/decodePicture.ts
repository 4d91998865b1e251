import type { Metadata, Sharp } from 'sharp';
import { FormatError } from '../errors.js';
import { FileError, readWhole } from './fileError.js';
import { fileKind } from './fileKind.js';
import { loadSharp } from './loadSharp.js';
import type { Picture } from './picture.js';

/** The formats that are read, as sharp calls them. */
const formats = ['jpeg', 'png', 'webp'];

/**
 * Reads a picture file: JPEG, PNG or WebP, turned upright where it says which side is up. Alpha is dropped; CMYK is converted
 * without a profile, and profiles of other pictures are left alone, as Pillow does. 16 bits are cut to the upper 8, of grey
 * pictures too, which Pillow would clip to white.
 * It takes the npm package `sharp`, whose JPEG decoder gives the bytes that Pillow's gives.
 *
 * @param file its path, or its bytes
 * @param name for errors; the path where there is one
 * @throws FormatError where it is no such picture, or damaged or cut short anywhere; ICError where sharp is not installed;
 *   FileError where the file cannot be read
 */
export async function decodePicture(
  file: string | Uint8Array,
  name = typeof file === 'string' ? file : 'picture',
): Promise<Picture> {
  const sharp = await loadSharp();
  const bytes = typeof file === 'string' ? await readWhole('decodePicture', file) : file;
  try {
    const image = sharp(bytes, { ignoreIcc: true, failOn: 'warning' });
    const metadata = await image.metadata();
    if (!formats.includes(metadata.format)) throw new Error(`${metadata.format}`);
    return await pixelsOf(image.autoOrient(), metadata);
  } catch (cause) {
    const kind = fileKind(bytes);
    const isPicture = kind === undefined || /PNG|JPEG|WebP/.test(kind);
    // The decoder may say the same many times.
    const got = isPicture ? (cause as Error).message.split('\n')[0]! : kind;
    throw new FormatError(
      { operation: 'decodePicture', parameter: name, expected: 'a JPEG, PNG or WebP picture', got },
      { cause },
    );
  }
}

async function pixelsOf(image: Sharp, { space, hasAlpha }: Metadata): Promise<Picture> {
  const isCmyk = space === 'cmyk';
  const upright = isCmyk ? image.pipelineColourspace('cmyk').toColourspace('cmyk') : image.toColourspace('srgb');
  const opaque = hasAlpha ? upright.removeAlpha() : upright;
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
const unreadable: readonly unknown[] = ['ENOENT', 'EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'];

/** Whether a picture is to blame for an error of {@link decodePicture}, rather than what is missing to read any. */
export function isUnreadable(error: Error): boolean {
  return error instanceof FormatError || (error instanceof FileError && unreadable.includes(error.code));
}

/**
 * Makes sure that pictures can be decoded.
 *
 * @throws ICError where sharp is not installed
 */
export async function checkDecoder(): Promise<void> {
  await loadSharp();
}
