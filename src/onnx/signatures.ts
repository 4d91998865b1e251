import { isStandard, malformed, quoted, unsupported } from './modelFile.js';
import type { Node } from './node.js';

/** The version of the standard operators that something came with, and the last one that had it. */
type Versions = readonly [since: number, until?: number];

/** What the standard says of an operator, as far back as version 6. */
interface Signature {
  /** The version that it came with, and the last one that had it; all where left out. */
  readonly versions?: Versions;
  /** How many inputs there are, from which version on. */
  readonly inputs: readonly (readonly [since: number, least: number, most: number])[];
  readonly attributes: Readonly<Record<string, Versions>>;
}

const any = Number.POSITIVE_INFINITY;
const always: Versions = [6];
const window = { auto_pad: always, kernel_shape: always, pads: always, strides: always };

/** An operator of so many inputs in every version. */
const of = (least: number, most = least, attributes: Signature['attributes'] = {}, versions = always): Signature => ({
  inputs: [[6, least, most]],
  attributes,
  versions,
});
const unary = of(1);
const withAxis = of(1, 1, { axis: always });
/** Up to version 6 the second input is repeated where an attribute says so. */
const spreading: Signature = of(2, 2, { axis: [6, 6], broadcast: [6, 6] });
/** Axes became an input. */
const withAxes = (since: number, least: number, attributes: Signature['attributes'] = {}): Signature => ({
  inputs: [
    [6, 1, 1],
    [since, least, 2],
  ],
  attributes: { axes: [6, since - 1], ...attributes },
});
const reduction = withAxes(18, 1, { keepdims: always, noop_with_empty_axes: [18] });

const signatures = {
  Abs: unary,
  Add: spreading,
  AveragePool: of(1, 1, { ...window, ceil_mode: [10], count_include_pad: [7], dilations: [19] }),
  BatchNormalization: of(5, 5, {
    epsilon: always,
    is_test: [6, 6],
    momentum: always,
    spatial: [6, 8],
    training_mode: [14],
  }),
  Cast: of(1, 1, { round_mode: [24], saturate: [19], to: always }),
  Ceil: unary,
  Clip: {
    inputs: [
      [6, 1, 1],
      [11, 1, 3],
    ],
    attributes: { max: [6, 10], min: [6, 10] },
  },
  Concat: of(1, any, { axis: always }),
  Constant: of(0, 0, {
    sparse_value: [11],
    value: always,
    value_float: [12],
    value_floats: [12],
    value_int: [12],
    value_ints: [12],
    value_string: [12],
    value_strings: [12],
  }),
  ConstantOfShape: of(1, 1, { value: [9] }, [9]),
  Conv: of(2, 3, { ...window, dilations: always, group: always }),
  ConvTranspose: of(2, 3, {
    ...window,
    dilations: always,
    group: always,
    output_padding: always,
    output_shape: always,
  }),
  Div: spreading,
  Dropout: {
    inputs: [
      [6, 1, 1],
      [12, 1, 3],
    ],
    attributes: { is_test: [6, 6], ratio: [6, 11], seed: [12] },
  },
  Equal: of(2, 2, { axis: [6, 6], broadcast: [6, 6] }),
  Erf: of(1, 1, {}, [9]),
  Exp: unary,
  Expand: of(2, 2, {}, [8]),
  Flatten: withAxis,
  Floor: unary,
  Gather: of(2, 2, { axis: always }),
  Gelu: of(1, 1, { approximate: [20] }, [20]),
  Gemm: {
    inputs: [
      [6, 3, 3],
      [11, 2, 3],
    ],
    attributes: { alpha: always, beta: always, broadcast: [6, 6], transA: always, transB: always },
  },
  GlobalAveragePool: unary,
  GlobalMaxPool: unary,
  Greater: of(2, 2, { axis: [6, 6], broadcast: [6, 6] }),
  HardSigmoid: of(1, 1, { alpha: always, beta: always }),
  HardSwish: of(1, 1, {}, [14]),
  Identity: unary,
  LRN: of(1, 1, { alpha: always, beta: always, bias: always, size: always }),
  LeakyRelu: of(1, 1, { alpha: always }),
  Less: of(2, 2, { axis: [6, 6], broadcast: [6, 6] }),
  Log: unary,
  LogSoftmax: withAxis,
  MatMul: of(2),
  Max: of(1, any),
  MaxPool: of(1, 1, { ...window, ceil_mode: [10], dilations: [10], storage_order: [8] }),
  Min: of(1, any),
  Mul: spreading,
  Neg: unary,
  PRelu: of(2),
  Pad: {
    inputs: [
      [6, 1, 1],
      [11, 2, 3],
      [18, 2, 4],
    ],
    attributes: { mode: always, pads: [6, 10], value: [6, 10] },
  },
  Pow: spreading,
  Range: of(3, 3, {}, [11]),
  Reciprocal: unary,
  ReduceMax: reduction,
  ReduceMean: reduction,
  Relu: unary,
  Reshape: of(2, 2, { allowzero: [14] }),
  Resize: {
    versions: [10],
    inputs: [
      [10, 2, 2],
      [11, 3, 4],
      [13, 1, 4],
    ],
    attributes: {
      antialias: [18],
      axes: [18],
      coordinate_transformation_mode: [11],
      cubic_coeff_a: [11],
      exclude_outside: [11],
      extrapolation_value: [11],
      keep_aspect_ratio_policy: [18],
      mode: [10],
      nearest_mode: [11],
    },
  },
  Shape: of(1, 1, { end: [15], start: [15] }),
  Sigmoid: unary,
  Slice: {
    inputs: [
      [6, 1, 1],
      [10, 3, 5],
    ],
    attributes: { axes: [6, 9], ends: [6, 9], starts: [6, 9] },
  },
  Softmax: withAxis,
  Softplus: unary,
  Split: {
    inputs: [
      [6, 1, 1],
      [13, 1, 2],
    ],
    attributes: { axis: always, num_outputs: [18], split: [6, 12] },
  },
  Sqrt: unary,
  Squeeze: withAxes(13, 1),
  Sub: spreading,
  Sum: of(1, any),
  Tanh: unary,
  Tile: of(2),
  Transpose: of(1, 1, { perm: always }),
  Unsqueeze: withAxes(13, 2),
  Upsample: {
    versions: [7, 9],
    inputs: [
      [7, 1, 1],
      [9, 2, 2],
    ],
    attributes: { mode: [7, 9], scales: [7, 8] },
  },
  Where: of(3, 3, {}, [9]),
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
    throw unsupported(node.place, 'an operator of the table in docs/onnx.md', got);
  }
  const signature: Signature = signatures[name];
  checkVersion(node, opset, signature);
  checkInputs(node, opset, signature);
  checkAttributes(node, opset, signature);
  return name;
}

function checkVersion({ place }: Node, opset: number, { versions = always }: Signature): void {
  const [since, until = any] = versions;
  if (opset >= since && opset <= until) return;
  const expected = until === any ? `version ${since} or later of the operators` : `versions ${since} to ${until}`;
  throw malformed(place, expected, `${opset}`);
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
    .filter(([, [since, until = any]]) => opset >= since && opset <= until)
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
