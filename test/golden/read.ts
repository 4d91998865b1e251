import { nchwToNhwc } from '../support/layout.js';
import { uniform } from '../support/random.js';

export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** One file of expected values. Activations are NCHW, filters OIHW, dense weights [out, in]. */
export interface Golden {
  /** The file's metadata; values that are JSON text are parsed. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly names: readonly string[];
  /** @throws Error where the file has no such tensor */
  tensor(name: string): GoldenTensor;
}

interface Header {
  readonly __metadata__: Record<string, string>;
  readonly [name: string]: unknown;
}

interface Entry {
  readonly dtype: string;
  readonly shape: number[];
  readonly data_offsets: [number, number];
}

/** Reads the bytes of such a file. */
export function readGolden(name: string, bytes: Uint8Array<ArrayBuffer>): Golden {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  const start = 8 + Number(length);
  const { __metadata__, ...rest } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start))) as Header;
  const entries = rest as Record<string, Entry>;
  return {
    metadata: Object.fromEntries(Object.entries(__metadata__).map(([key, text]) => [key, parseIfJson(text)])),
    names: Object.keys(entries),
    tensor(tensorName) {
      const entry = entries[tensorName];
      if (entry?.dtype !== 'F32') throw new Error(`${name}: no float32 tensor ${tensorName}`);
      const [from, to] = entry.data_offsets;
      // A copy, because the bytes in the file need not be aligned.
      return { shape: entry.shape, data: new Float32Array(bytes.slice(start + from, start + to).buffer) };
    },
  };
}

/** The batch a network file was made with: images NHWC, and labels 7 i mod classes. */
export function goldenBatch(
  golden: Golden,
  classes: number,
): { x: Float32Array<ArrayBuffer>; shape: [number, number, number, number]; labels: Uint32Array<ArrayBuffer> } {
  const [n, c, h, w] = golden.metadata.input as [number, number, number, number];
  const x = nchwToNhwc(uniform(n * c * h * w, golden.metadata.input_seed as number), [n, c, h, w]);
  return { x, shape: [n, h, w, c], labels: Uint32Array.from({ length: n }, (_, i) => (7 * i) % classes) };
}

/**
 * The formula-made parameters of a network, in PyTorch's layouts. Entry j of the list, from 0, is made of
 * u = uniform(count, j + 1):
 *
 * | kind | value |
 * | --- | --- |
 * | `*.adjust` | u * 2 / (filter elements of one output channel) |
 * | `*.running_mean` | 0.1 u |
 * | `*.running_var` | 1 + 0.5 u; behind an IC convolution (bn1 behind conv1, ...) 6 (1 + 0.5 u) |
 * | one-dimensional `*.weight` | 1 + 0.5 u |
 * | `*.bias`, `*.offset` | 0.1 u |
 * | other `*.weight` | u * sqrt(3 / (elements of one output channel)) |
 *
 * @param names every entry of the network's state; num_batches_tracked counts but takes no value
 * @param shapeOf the shape of a named parameter
 */
export function goldenParameters(
  names: readonly string[],
  shapeOf: (name: string) => readonly number[],
): Map<string, Float32Array<ArrayBuffer>> {
  const parameters = new Map<string, Float32Array<ArrayBuffer>>();
  names.forEach((name, j) => {
    if (name.endsWith('.num_batches_tracked')) return;
    const value = fillOf(name, names, shapeOf);
    parameters.set(name, uniform(elements(shapeOf(name)), j + 1).map(value));
  });
  return parameters;
}

function fillOf(
  name: string,
  names: readonly string[],
  shapeOf: (name: string) => readonly number[],
): (u: number) => number {
  const dot = name.lastIndexOf('.');
  const [layer, kind] = [name.slice(0, dot), name.slice(dot + 1)];
  switch (kind) {
    case 'adjust': {
      const filterElements = elements(shapeOf(`${layer}.weight`).slice(1));
      return (u) => (u * 2) / filterElements;
    }
    case 'running_mean':
    case 'bias':
    case 'offset':
      return (u) => 0.1 * u;
    case 'running_var': {
      const isBehindIC = names.includes(`${layer.replace(/bn(\d+)$/, 'conv$1')}.adjust`);
      return (u) => (isBehindIC ? 6 : 1) * (1 + 0.5 * u);
    }
    case 'weight': {
      const shape = shapeOf(name);
      if (shape.length === 1) return (u) => 1 + 0.5 * u;
      const factor = Math.sqrt(3 / elements(shape.slice(1)));
      return (u) => u * factor;
    }
    default:
      throw new Error(`no fill for ${name}`);
  }
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function parseIfJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
