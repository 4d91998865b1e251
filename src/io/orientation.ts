import { inflateSync } from 'node:zlib';
import { latin1, type PictureFormat } from './pictureFormat.js';

/** What a picture's file says of it besides the pixels. */
interface Notes {
  readonly exif?: Uint8Array | undefined;
  readonly xmp?: string | undefined;
}

/**
 * Which side of a picture is up, as EXIF numbers it from 1, upright, to 8. It is sought where Pillow's `exif_transpose` seeks it: in
 * EXIF anywhere in the file, in ImageMagick's text of it in a PNG, and where EXIF says nothing in XMP.
 */
export function orientationOf(bytes: Uint8Array, format: PictureFormat): number {
  const { exif, xmp } = notesOf[format](bytes);
  const noted = exif && exifOrientation(exif);
  const orientation = noted ?? Number(/tiff:Orientation(?:="|>)(\d)/.exec(xmp ?? '')?.[1]);
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

const notesOf: Readonly<Record<PictureFormat, (bytes: Uint8Array) => Notes>> = {
  jpeg: jpegNotes,
  png: pngNotes,
  webp: webpNotes,
};

const exifMark = 'Exif\0\0';
const xmpMark = 'http://ns.adobe.com/xap/1.0/\0';

/** In segments ahead of the first scan; EXIF that is too long for one goes on in the next. */
function jpegNotes(bytes: Uint8Array): Notes {
  const exif: Uint8Array[] = [];
  let xmp: string | undefined;
  const view = viewOf(bytes);
  let position = 2;
  while (position + 4 <= bytes.length) {
    const marker = bytes[position + 1]!;
    const isBare = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    // Fillers, and bytes that belong to nothing, may stand ahead of a marker.
    if (bytes[position] !== 0xff || marker === 0xff || marker === 0x00) position++;
    else if (isBare) position += 2;
    else if (marker === 0xda || marker === 0xd9) break;
    else {
      const end = position + 2 + view.getUint16(position + 2);
      const segment = bytes.subarray(position + 4, end);
      const mark = marker === 0xe1 ? latin1(segment.subarray(0, xmpMark.length)) : '';
      if (mark.startsWith(exifMark)) exif.push(segment.subarray(exifMark.length));
      if (mark === xmpMark) xmp = latin1(segment.subarray(xmpMark.length));
      position = end;
    }
  }
  return { exif: exif.length > 0 ? Buffer.concat(exif) : undefined, xmp };
}

const rawExifName = 'Raw profile type exif';
const xmpName = 'XML:com.adobe.xmp';

/** In chunks, which may stand behind the pixels as well; but where there is EXIF ahead of them, nothing behind counts. */
function pngNotes(bytes: Uint8Array): Notes {
  let exif: Uint8Array | undefined;
  const texts = new Map<string, string>();
  for (const { kind, data } of pngChunks(bytes)) {
    if (kind === 'IEND' || (kind === 'IDAT' && exif)) break;
    if (kind === 'eXIf') exif = data;
    else if (/^[tzi][TX]Xt$/.test(kind)) noteText(kind, data, texts);
  }
  // Three lines ahead of the digits say what they are.
  const digits = texts.get(rawExifName)?.split('\n').slice(3).join('');
  return { exif: exif ?? (digits === undefined ? undefined : Buffer.from(digits, 'hex')), xmp: texts.get(xmpName) };
}

interface Chunk {
  readonly kind: string;
  readonly data: Uint8Array;
}

function* pngChunks(bytes: Uint8Array): Generator<Chunk> {
  const view = viewOf(bytes);
  let position = 8;
  while (position + 8 <= bytes.length) {
    const start = position + 8;
    const end = start + view.getUint32(position);
    yield { kind: latin1(bytes.subarray(position + 4, start)), data: bytes.subarray(start, end) };
    position = end + 4;
  }
}

/** Notes a chunk's text, if it is one of those that say which side is up. */
function noteText(kind: string, data: Uint8Array, texts: Map<string, string>): void {
  const nameEnd = data.indexOf(0);
  const name = latin1(data.subarray(0, Math.max(nameEnd, 0)));
  if (name !== rawExifName && name !== xmpName) return;
  const rest = data.subarray(nameEnd + 1);
  if (kind === 'tEXt') texts.set(name, latin1(rest));
  else if (kind === 'zTXt') texts.set(name, inflated(rest.subarray(1)));
  else {
    // Two bytes say whether it is compressed, and how; a language and the name in that language follow.
    const textStart = rest.indexOf(0, rest.indexOf(0, 2) + 1) + 1;
    const text = rest.subarray(textStart);
    texts.set(name, rest[0] === 0 ? latin1(text) : inflated(text));
  }
}

/** Texts are short; a longer one is a trap. */
const longestText = 2 ** 20;

function inflated(data: Uint8Array): string {
  try {
    return latin1(inflateSync(data, { maxOutputLength: longestText }));
  } catch {
    return '';
  }
}

/** In chunks of their own; the first of each counts. */
function webpNotes(bytes: Uint8Array): Notes {
  const notes = new Map<string, Uint8Array>();
  const view = viewOf(bytes);
  let position = 12;
  while (position + 8 <= bytes.length) {
    const kind = latin1(bytes.subarray(position, position + 4));
    const start = position + 8;
    const length = view.getUint32(position + 4, true);
    if (!notes.has(kind)) notes.set(kind, bytes.subarray(start, start + length));
    position = start + length + (length % 2);
  }
  const xmp = notes.get('XMP ');
  return { exif: notes.get('EXIF'), xmp: xmp && latin1(xmp) };
}

const orientationTag = 0x0112;
const shortType = 3;
const longType = 4;

/** The orientation that EXIF notes; 0 where it is no number, undefined where there is none. */
function exifOrientation(exif: Uint8Array): number | undefined {
  const hasMark = latin1(exif.subarray(0, exifMark.length)) === exifMark;
  const view = viewOf(hasMark ? exif.subarray(exifMark.length) : exif);
  if (view.byteLength < 8) return undefined;
  const isLittle = view.getUint16(0) === 0x4949;
  const directory = view.getUint32(4, isLittle);
  if (directory + 2 > view.byteLength) return undefined;
  const last = Math.min(directory + 2 + 12 * view.getUint16(directory, isLittle), view.byteLength) - 12;
  let found: number | undefined;
  for (let entry = directory + 2; entry <= last; entry += 12) {
    if (view.getUint16(entry, isLittle) !== orientationTag) continue;
    const type = view.getUint16(entry + 2, isLittle);
    const isOne = view.getUint32(entry + 4, isLittle) === 1;
    if (isOne && type === shortType) found = view.getUint16(entry + 8, isLittle);
    else found = isOne && type === longType ? view.getUint32(entry + 8, isLittle) : 0;
  }
  return found;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
