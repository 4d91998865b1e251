import { isStandard, malformed, quoted, unsupported } from './modelFile.js';
import type { Node } from './node.js';

/** The version of the standard operators that something came with, and the last one that had it. */
type Versions = readonly [since: number, until?: number];

/** What the standard says of an operator, as far back as version 7. */
interface Signature {
  /** How many inputs there are, from which version on. */
  readonly inputs: readonly (readonly [since: number, least: number, most: number])[];
  readonly attributes: Readonly<Record<string, Versions>>;
}

const always: Versions = [7];
const window = { auto_pad: always, kernel_shape: always, pads: always, strides: always };
const unary: Signature = { inputs: [[7, 1, 1]], attributes: {} };
const withAxis: Signature = { inputs: [[7, 1, 1]], attributes: { axis: always } };

const signatures = {
  Add: { inputs: [[7, 2, 2]], attributes: {} },
  AveragePool: {
    inputs: [[7, 1, 1]],
    attributes: { ...window, ceil_mode: [10], count_include_pad: always, dilations: [19] },
  },
  BatchNormalization: {
    inputs: [[7, 5, 5]],
    attributes: { epsilon: always, momentum: always, spatial: [7, 8], training_mode: [14] },
  },
  Clip: {
    inputs: [
      [7, 1, 1],
      [11, 1, 3],
    ],
    attributes: { max: [7, 10], min: [7, 10] },
  },
  Concat: { inputs: [[7, 1, Number.POSITIVE_INFINITY]], attributes: { axis: always } },
  Constant: {
    inputs: [[7, 0, 0]],
    attributes: {
      sparse_value: [11],
      value: always,
      value_float: [12],
      value_floats: [12],
      value_int: [12],
      value_ints: [12],
      value_string: [12],
      value_strings: [12],
    },
  },
  Conv: { inputs: [[7, 2, 3]], attributes: { ...window, dilations: always, group: always } },
  Dropout: {
    inputs: [
      [7, 1, 1],
      [12, 1, 3],
    ],
    attributes: { ratio: [7, 11], seed: [12] },
  },
  Flatten: withAxis,
  Gather: { inputs: [[7, 2, 2]], attributes: { axis: always } },
  Gemm: {
    inputs: [
      [7, 3, 3],
      [11, 2, 3],
    ],
    attributes: { alpha: always, beta: always, transA: always, transB: always },
  },
  GlobalAveragePool: unary,
  GlobalMaxPool: unary,
  Identity: unary,
  MaxPool: { inputs: [[7, 1, 1]], attributes: { ...window, ceil_mode: [10], dilations: [10], storage_order: [8] } },
  Pad: {
    inputs: [
      [7, 1, 1],
      [11, 2, 3],
      [18, 2, 4],
    ],
    attributes: { mode: always, pads: [7, 10], value: [7, 10] },
  },
  ReduceMean: {
    inputs: [
      [7, 1, 1],
      [18, 1, 2],
    ],
    attributes: { axes: [7, 17], keepdims: always, noop_with_empty_axes: [18] },
  },
  Relu: unary,
  Reshape: { inputs: [[7, 2, 2]], attributes: { allowzero: [14] } },
  Shape: { inputs: [[7, 1, 1]], attributes: { end: [15], start: [15] } },
  Softmax: withAxis,
  Squeeze: {
    inputs: [
      [7, 1, 1],
      [13, 1, 2],
    ],
    attributes: { axes: [7, 12] },
  },
  Unsqueeze: {
    inputs: [
      [7, 1, 1],
      [13, 2, 2],
    ],
    attributes: { axes: [7, 12] },
  },
} as const satisfies Readonly<Record<string, Signature>>;

/** An operator that is read. */
export type OperatorName = keyof typeof signatures;

/** What is read of the standard operators. */
export const operatorNames = Object.keys(signatures) as readonly OperatorName[];

/**
 * The operator of a node, whose inputs and attributes are those that the file's version of it has.
 *
 * @throws UnsupportedError for an operator that is not read, FormatError for inputs and attributes that it does not have
 */
export function operatorOf(node: Node, opset: number): OperatorName {
  const { domain, opType } = node.proto;
  const name = operatorNames.find((known) => known === opType);
  if (name === undefined || !isStandard(domain)) {
    const got = `${domain === '' ? '' : `${domain}.`}${opType}`.slice(0, 100);
    throw unsupported(node.place, `an operator of ${operatorNames.join(', ')}`, got);
  }
  checkInputs(node, opset, signatures[name]);
  checkAttributes(node, opset, signatures[name]);
  return name;
}

function checkInputs({ place, proto }: Node, opset: number, { inputs }: Signature): void {
  const count = proto.input.length;
  const [, least, most] = inputs.findLast(([since]) => since <= opset)!;
  if (count >= least && count <= most) return;
  const expected = least === most ? `${least}` : `${least} to ${most}`;
  throw malformed(`${place}, inputs`, `${expected} in version ${opset}`, count === 0 ? 'none' : `${count}`);
}

function checkAttributes({ place, proto }: Node, opset: number, { attributes }: Signature): void {
  const known = Object.entries<Versions>(attributes)
    .filter(([, [since, until = Number.POSITIVE_INFINITY]]) => opset >= since && opset <= until)
    .map(([name]) => name);
  const seen = new Set<string>();
  for (const { name } of proto.attribute) {
    if (!known.includes(name)) {
      throw malformed(place, `attributes of ${known.join(', ') || 'none'} in version ${opset}`, quoted(name));
    }
    if (seen.has(name)) throw malformed(`${place}, ${name}`, 'an attribute once', 'it again');
    seen.add(name);
  }
}
