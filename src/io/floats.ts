import { UnsupportedError } from '../errors.js';
import { elementBytes, type SafetensorsType } from './safetensorsHeader.js';

/** The element types that weights can be stored in. */
export type FloatType = 'F32' | 'F16' | 'BF16';

/** Largest number that each type holds. */
export const largestFloat: Readonly<Record<FloatType, number>> = {
  F32: (2 - 2 ** -23) * 2 ** 127,
  F16: (2 - 2 ** -10) * 2 ** 15,
  BF16: (2 - 2 ** -7) * 2 ** 127,
};

const floatTypes: readonly SafetensorsType[] = ['F64', 'F32', 'F16', 'BF16'];

/** Whether elements of a type become numbers to compute with. */
export function isFloatType(type: SafetensorsType): boolean {
  return floatTypes.includes(type);
}

/**
 * The elements of floating-point bytes, little-endian, as float32: exactly, but for F64, which is rounded to nearest. F32 at
 * a multiple of 4 bytes is returned as a view of its bytes, all others are copied.
 *
 * @throws UnsupportedError for other types
 */
export function decodeFloats(type: SafetensorsType, bytes: Uint8Array): Float32Array {
  if (type === 'F32') return view(Float32Array, bytes);
  if (!isFloatType(type)) {
    const expected = 'F64, F32, F16 or BF16';
    throw new UnsupportedError({ operation: 'toFloat32', parameter: 'dtype', expected, got: type });
  }
  return decodeFloatsInto(type, bytes, new Float32Array(bytes.length / elementBytes[type]));
}

/** The same into memory that is there already: as many elements as `bytes` holds, which it returns as a view. */
export function decodeFloatsInto(type: SafetensorsType, bytes: Uint8Array, target: Float32Array): Float32Array {
  const result = target.subarray(0, bytes.length / elementBytes[type]);
  if (type === 'F32') result.set(view(Float32Array, bytes));
  if (type === 'F64') result.set(view(Float64Array, bytes));
  if (type === 'F16') {
    const values = halfValues();
    const halves = view(Uint16Array, bytes);
    for (let index = 0; index < halves.length; index++) result[index] = values[halves[index]!]!;
  }
  if (type === 'BF16') {
    // A bfloat16 is the upper half of a float32.
    const bits = new Uint32Array(result.buffer, result.byteOffset, result.length);
    const upper = view(Uint16Array, bytes);
    for (let index = 0; index < upper.length; index++) bits[index] = upper[index]! << 16;
  }
  return result;
}

/** The bytes of float32 values in another type, rounded to nearest, ties to even; beyond its largest number infinite. */
export function encodeFloats(type: FloatType, values: Float32Array): Uint8Array {
  if (type === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return new Uint8Array(Uint16Array.from(bits, type === 'F16' ? halfBits : upperBits).buffer);
}

/** Typed arrays must start at a multiple of their element; tensors in a file need not. */
function view<T>(
  kind: { new (buffer: ArrayBufferLike, offset: number, length: number): T; readonly BYTES_PER_ELEMENT: number },
  bytes: Uint8Array,
): T {
  const size = kind.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new kind(aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}

let halves: Float32Array | undefined;

/** The value of each of the 65,536 halves, made when first asked for. */
function halfValues(): Float32Array {
  halves ??= Float32Array.from({ length: 0x10000 }, (_, bits) => halfValue(bits));
  return halves;
}

function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

const float32Infinity = 0x7f800000;
const exponentDifference = 127 - 15;

/** The half nearest to a float32, both as bits. */
function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > float32Infinity) return sign | 0x7e00;
  const exponent = magnitude >>> 23;
  if (exponent <= exponentDifference) return sign | subnormalHalf(exponent, magnitude & 0x7fffff);
  // A carry out of the fraction raises the exponent, as it should.
  const rounded = (magnitude + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
  return sign | Math.min(rounded - (exponentDifference << 10), 0x7c00);
}

/** The fraction of a half below 2^-14, in units of 2^-24. */
function subnormalHalf(exponent: number, fraction: number): number {
  const units = (0x800000 + fraction) * 2 ** (exponent - 127 - 23 + 24);
  const below = Math.floor(units);
  const rest = units - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

/** The bfloat16 nearest to a float32, both as bits. */
function upperBits(bits: number): number {
  if ((bits & 0x7fffffff) > float32Infinity) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
