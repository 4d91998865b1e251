import { FormatError } from '../errors.js';

/** Kinds of files that can be told by their first bytes: these in hexadecimal, and what such a file is. */
const kinds: readonly (readonly [start: RegExp, kind: string])[] = [
  [/^$/, 'an empty file'],
  // The length of a header, and the brace that begins it.
  [/^.{6}0[0-5]0{8}7b/, 'a safetensors file'],
  [/^89504e470d0a1a0a/, 'a PNG picture'],
  [/^ffd8ff/, 'a JPEG picture'],
  [/^52494646.{8}57454250/, 'a WebP picture'],
  [/^47494638(37|39)61/, 'a GIF picture'],
  [/^424d.{8}0{8}/, 'a BMP picture'],
  [/^.{8}66747970(61766966|68656963|68656978|6d696631)/, 'an AVIF or HEIC picture'],
  [/^(49492a00|4d4d002a)/, 'a TIFF picture'],
  [/^25504446/, 'a PDF document'],
  [/^504b(0304|0506)/, 'a zip archive, such as torch.save writes (safetensors.torch.save_file writes safetensors)'],
  [
    /^800[2-5](8a0a|95|7d|5d|63|71|28)/,
    'a pickle, such as torch.save wrote (safetensors.torch.save_file writes safetensors)',
  ],
  [/^1f8b08/, 'a gzip archive'],
  [/^(425a68|fd377a585a00|28b52ffd|377abcaf)/, 'a compressed archive'],
  [/^.{514}7573746172/, 'a tar archive'],
  [/^894844460d0a1a0a/, 'an HDF5 file, as Keras writes'],
  [/^47475546/, 'a GGUF file'],
  [/^934e554d5059/, 'a NumPy array'],
  [/^.{8}54464c33/, 'a TensorFlow Lite model'],
  // The version of the format, and whichever field comes next.
  [/^08(0[1-9a-f]|1.)(12|1a|22|2a|32|3a|42)/, 'an ONNX model'],
  [/^00000[89b-e]0[1-4]/, 'an IDX file'],
  [hexOf('version https://git-lfs'), 'a Git LFS pointer in its place (git lfs pull fetches the file)'],
  [hexOf('<svg'), 'an SVG drawing'],
  [hexOf('<!doctype html', '<html', '<?xml', '<head', '<!--'), 'a web page'],
  [/^(20|0[9ad])*(5b|7b)(20|0[9ad]|22|2d|3.|5b|5d|7b|7d)/, 'JSON'],
  [/^(0[9ad]|[2-6].|7[0-9a-e])+$/, 'a text'],
];

/** Text at the start of a file, behind spaces, in large letters or in small ones. */
function hexOf(...texts: readonly string[]): RegExp {
  const letter = (character: string): string => {
    const [small, large] = [character, character.toUpperCase()].map((one) => one.charCodeAt(0).toString(16));
    return `(${small}|${large})`;
  };
  return new RegExp(`^(20|0[9ad])*(${texts.map((text) => Array.from(text, letter).join('')).join('|')})`);
}

/** How many of the first bytes tell a kind. */
export const kindBytes = 264;

/** What a file is by its first bytes, `kindBytes` of them where it has so many; undefined where they do not tell. */
export function fileKind(start: Uint8Array): string | undefined {
  const hex = Array.from(start.subarray(0, kindBytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return kinds.find(([pattern]) => pattern.test(hex))?.[1];
}

/**
 * What to throw where a reader refuses a file: an error that says what the file is in place of what was wanted, where its
 * first bytes tell; else the reader's own.
 *
 * @param wanted - what the reader reads, as kinds begin: `a safetensors file`
 */
export function namingKind(
  error: unknown,
  start: Uint8Array,
  operation: string,
  name: string,
  wanted: string,
): unknown {
  const kind = fileKind(start);
  if (!(error instanceof FormatError) || kind === undefined || kind.startsWith(wanted)) return error;
  return new FormatError({ operation, parameter: name, expected: wanted, got: kind }, { cause: error });
}
