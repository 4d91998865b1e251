import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { FormatError, LimitError, ShapeError } from '../../src/errors.js';
import { decodePicture } from '../../src/io/decodePicture.js';
import {
  imageNetNormalisation,
  imageNetTransform,
  type Picture,
  pictureInput,
  transformPicture,
} from '../../src/io/picture.js';
import { readSafetensors } from '../../src/io/safetensors.js';
import { expectError } from '../models/errors.js';

const folder = new URL('../golden/pictures/', import.meta.url);
const golden = readSafetensors(readFileSync(new URL('../golden/pictures.safetensors', import.meta.url))).tensors;
const files = readdirSync(folder);

function goldenPicture(name: string): Picture {
  const { shape, bytes } = golden.get(`pixels.${name}`)!;
  return { height: shape[0]!, width: shape[1]!, data: bytes };
}

/** The largest difference of two lists of bytes. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let index = 0; index < a.length; index++) largest = Math.max(largest, Math.abs(a[index]! - b[index]!));
  return largest;
}

/** Everything in the golden file that a transform made: its name is `[grey.]RESIZE-CROP[.bicubic].FILE`. */
const transformed = Array.from(golden, ([name, { bytes }]) => ({ name, bytes })).flatMap(({ name, bytes }) => {
  const [, grey, resize, crop, bicubic, file] = /^(grey\.)?(\d+)-(\d+)(\.bicubic)?\.(.+)$/.exec(name) ?? [];
  if (file === undefined) return [];
  const transform = {
    resize: Number(resize),
    crop: { height: Number(crop), width: Number(crop) },
    ...(bicubic && { filter: 'bicubic' as const }),
  };
  return [{ name, file, transform, channels: grey ? (1 as const) : (3 as const), bytes }];
});

const hugeSide = 16_000;

/** A small picture whose header says that it is huge; `write` gets the place behind `mark`. */
function hugePicture(name: string, mark: string, write: (view: DataView, at: number) => void): Uint8Array {
  const bytes = Uint8Array.from(readFileSync(new URL(name, folder)));
  write(new DataView(bytes.buffer), Buffer.from(bytes).indexOf(mark, 0, 'latin1') + mark.length);
  return bytes;
}

const hugePictures = {
  png: hugePicture('rgb.png', 'IHDR', (view, at) => {
    view.setUint32(at, hugeSide);
    view.setUint32(at + 4, hugeSide);
    view.setUint32(at + 13, crc32(new Uint8Array(view.buffer, at - 4, 17)));
  }),
  jpeg: hugePicture('420.jpg', '\xff\xc0\x00\x11\x08', (view, at) => {
    view.setUint16(at, hugeSide);
    view.setUint16(at + 2, hugeSide);
  }),
  webp: hugePicture('orientation6.webp', 'VP8X\x0a\0\0\0', (view, at) => {
    const size = hugeSide - 1;
    view.setUint32(at + 4, size, true);
    view.setUint16(at + 7, size, true);
    view.setUint32(at + 19, size | (size << 14), true);
  }),
};

describe('decodePicture', () => {
  it.each(files.filter((name) => golden.has(`pixels.${name}`)))('gives what Pillow gives of %s', async (name) => {
    const picture = await decodePicture(new URL(name, folder).pathname);
    const expected = goldenPicture(name);
    expect([picture.height, picture.width]).toEqual([expected.height, expected.width]);
    // JPEG decoders may round otherwise on other machines.
    expect(difference(picture.data, expected.data)).toBeLessThanOrEqual(name.endsWith('.jpg') ? 1 : 0);
  });

  it('refuses more pixels than it may read, before it decodes them', async () => {
    const file = new URL('rgb.png', folder).pathname;
    const pixels = 97 * 61;
    expect((await decodePicture(file, { maxPixels: pixels })).width).toBe(97);
    const error = await decodePicture(file, { maxPixels: pixels - 1 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LimitError);
    expect(error).toMatchObject({ parameter: file, got: '97 x 61' });
    expect((error as LimitError).expected).toContain('maxPixels (--max-pixels)');
    for (const [name, bytes] of Object.entries(hugePictures)) {
      const refused = await decodePicture(bytes, { name }).catch((reason: unknown) => reason);
      expect(refused, name).toBeInstanceOf(LimitError);
      expect(refused, name).toMatchObject({ parameter: name, got: '16000 x 16000' });
    }
  });

  it('refuses a file that is too large for the pixels that it may have, before it reads it', async () => {
    const own = await mkdtemp(join(tmpdir(), 'pictures-'));
    const path = join(own, 'large.png');
    await writeFile(path, readFileSync(new URL('rgb.png', folder)));
    await truncate(path, 2 ** 30);
    const error = await decodePicture(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LimitError);
    expect(error).toMatchObject({ parameter: path, got: `${2 ** 30}` });
    await rm(own, { recursive: true });
  });

  it('reads bytes and WebP', async () => {
    const { height, width, data } = goldenPicture('rgb.png');
    const webp = await sharp(data, { raw: { width, height, channels: 3 } })
      .webp({ lossless: true })
      .toBuffer();
    const picture = await decodePicture(webp);
    expect([picture.height, picture.width]).toEqual([height, width]);
    expect(difference(picture.data, data)).toBe(0);
  });

  it.each(['420.jpg', 'progressive.jpg', 'rgb.png'])('refuses %s cut short anywhere', async (name) => {
    const whole = readFileSync(new URL(name, folder));
    for (const share of [0, 0.01, 0.3, 0.6, 0.9]) {
      const cut = whole.subarray(0, Math.floor(share * whole.length));
      await expect(decodePicture(cut, { name }), `${share}`).rejects.toBeInstanceOf(FormatError);
    }
  });

  it.each([
    ['420.jpg', 0.6],
    ['rgb.png', 0.5],
  ])('refuses %s with other bytes in its middle', async (name, at) => {
    const bytes = Uint8Array.from(readFileSync(new URL(name, folder)));
    bytes.fill(0xff, at * bytes.length, at * bytes.length + 40);
    const error = await decodePicture(bytes, { name }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FormatError);
    expect((error as Error).message).toMatch(new RegExp(`^decodePicture: ${name}: .+$`));
  });

  it('takes pictures whose profile is damaged or that something follows, as Pillow does', async () => {
    const whole = readFileSync(new URL('rgb.png', folder));
    const followed = Buffer.concat([whole, Buffer.from('more')]);
    expect(difference((await decodePicture(followed)).data, goldenPicture('rgb.png').data)).toBe(0);
    const jpeg = readFileSync(new URL('420.jpg', folder));
    const profile = Buffer.from('\xff\xe2\x00\x1aICC_PROFILE\x00\x01\x01no profile', 'latin1');
    const odd = Buffer.concat([jpeg.subarray(0, 2), profile, jpeg.subarray(2), Buffer.from('more')]);
    expect(difference((await decodePicture(odd)).data, goldenPicture('420.jpg').data)).toBeLessThanOrEqual(1);
  });

  it('refuses what is no picture by its path, in a line', async () => {
    const own = await mkdtemp(join(tmpdir(), 'pictures-'));
    const path = join(own, 'text.jpg');
    await writeFile(path, 'this is no picture');
    const error = await decodePicture(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FormatError);
    expect(error).toMatchObject({ parameter: path });
    expect((error as Error).message).not.toContain('\n');
    await expect(decodePicture(join(own, 'none.jpg'))).rejects.toMatchObject({ code: 'ENOENT' });
    await rm(own, { recursive: true });
    const svg = new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    await expect(decodePicture(svg)).rejects.toThrow('got an SVG drawing');
  });
});

describe('transformPicture', () => {
  const direct = transformed.filter(({ file }) => golden.has(`pixels.${file}`));

  it('is tried with enlarging and reducing, both filters and both numbers of channels', () => {
    expect(direct.length).toBeGreaterThan(30);
  });

  it.each(direct)('is what Pillow makes of the same pixels, byte for byte: $name', ({
    file,
    transform,
    channels,
    bytes,
  }) => {
    expect(difference(transformPicture(goldenPicture(file), transform, channels), bytes)).toBe(0);
  });

  it('drops alpha, whatever it is', () => {
    const { width, height, data } = goldenPicture('rgb.png');
    const withAlpha = new Uint8ClampedArray(width * height * 4).map((_, index) =>
      index % 4 === 3 ? (index * 7) % 256 : data[Math.floor(index / 4) * 3 + (index % 4)]!,
    );
    const transform = { resize: 40, crop: { height: 33, width: 33 } };
    const own = transformPicture({ width, height, data: withAlpha }, transform);
    expect(difference(own, golden.get('40-33.rgb.png')!.bytes)).toBe(0);
  });

  it('makes colours of grey', () => {
    const grey = { width: 2, height: 2, data: Uint8Array.of(0, 50, 100, 200) };
    const crop = { height: 2, width: 2 };
    expect([...transformPicture(grey, { resize: 2, crop })]).toEqual([
      0, 0, 0, 50, 50, 50, 100, 100, 100, 200, 200, 200,
    ]);
    expect([...transformPicture(grey, { resize: 2, crop }, 1)]).toEqual([0, 50, 100, 200]);
  });

  it('cuts where Python rounds to, in parts that are not square, too', () => {
    // Columns carry their number: 6 of 9 begin at 1.5 -> 2, 6 of 7 at 0.5 -> 0.
    for (const [width, first] of [
      [9, 2],
      [7, 0],
      [8, 1],
    ] as const) {
      const data = Uint8Array.from({ length: width * 2 }, (_, index) => index % width);
      const cut = transformPicture({ width, height: 2, data }, { resize: 2, crop: { height: 1, width: 6 } }, 1);
      expect([...cut]).toEqual([0, 1, 2, 3, 4, 5].map((column) => first + column));
    }
  });

  it.each([
    ['resize', { resize: 0, crop: { height: 1, width: 1 } }],
    ['crop.width', { resize: 4, crop: { height: 1, width: 1.5 } }],
    ['crop', { resize: 4, crop: { height: 5, width: 1 } }],
  ])('refuses a wrong %s', (parameter, transform) => {
    const picture = { width: 6, height: 5, data: new Uint8Array(30) };
    expectError(() => transformPicture(picture, transform), ShapeError, { parameter });
  });

  it('refuses data of another size', () => {
    const picture = { width: 6, height: 5, data: new Uint8Array(60) };
    expectError(() => transformPicture(picture, imageNetTransform), ShapeError, { parameter: 'data' });
  });
});

describe('pictureInput', () => {
  it('is within 1/255 of the evaluation transform of torchvision, from the file on', async () => {
    const picture = await decodePicture(new URL('photograph.jpg', folder).pathname);
    const input = pictureInput(picture, imageNetTransform, imageNetNormalisation);
    const { bytes } = golden.get('256-224.photograph.jpg')!;
    expect(input.length).toBe(bytes.length);
    const { mean, deviation } = imageNetNormalisation;
    let largest = 0;
    for (let index = 0; index < bytes.length; index++) {
      const channel = index % 3;
      largest = Math.max(largest, Math.abs(input[index]! * deviation[channel]! + mean[channel]! - bytes[index]! / 255));
    }
    expect(largest).toBeLessThan(1 / 255 + 1e-6);
  });

  it('writes where it is told, in the channels of the normalisation', () => {
    const picture = { width: 2, height: 2, data: Uint8Array.of(0, 51, 102, 255) };
    const target = new Float32Array(4);
    const transform = { resize: 2, crop: { height: 2, width: 2 } };
    expect(pictureInput(picture, transform, { mean: [0.2], deviation: [0.5] }, target)).toBe(target);
    for (const [index, value] of [-0.4, 0, 0.4, 1.6].entries()) expect(target[index]).toBeCloseTo(value, 6);
    const wrong = { mean: [0, 0], deviation: [1, 1] };
    expectError(() => pictureInput(picture, transform, wrong), ShapeError, { parameter: 'normalisation' });
    const none = { mean: [0], deviation: [0] };
    expectError(() => pictureInput(picture, transform, none), ShapeError, { parameter: 'normalisation' });
  });
});
