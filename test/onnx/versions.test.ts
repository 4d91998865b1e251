import type { NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { FormatError, UnsupportedError } from '../../src/errors.js';
import { decodeOnnx } from '../../src/onnx.js';
import { networkForward } from '../reference/network.js';
import { uniform } from '../support/random.js';
import { distance } from '../support/rounding.js';
import { boolean, floats, integer, integers, modelOf, node, tensor } from './models.js';
import { runOnnx } from './runtime.js';

/** What becomes of a model: the numbers of ONNX Runtime, a refusal although that runs it, or that of a file that it refuses, too. */
type Verdict = 'read' | 'refused' | 'broken';

/** A model of two images `x` [2, 2, 4, 5], and its verdict from a version of the operators on. */
interface Case {
  readonly what: string;
  readonly nodes: readonly NodeProto[];
  readonly verdicts: Readonly<Record<number, Verdict>>;
  readonly inputs?: readonly ValueInfoProto[];
}

const versions = { oldest: 7, newest: 25 };
const images = 2;
const size = { height: 4, width: 5, channels: 2 };

/** The constants that nodes read by name. */
const constants: readonly TensorProto[] = [
  floats('filters', [3, 2, 3, 3]),
  floats('grouped', [4, 1, 2, 2]),
  floats('whole', [40, 2, 4, 5]),
  floats('volumes', [3, 2, 1, 3, 3]),
  floats('none', [0, 2, 3, 3]),
  floats('bias', [3]),
  ...['scale', 'shift', 'mean', 'variance'].map((name) => floats(name, [2])),
  ...['scale', 'shift', 'mean', 'variance'].map((name) => floats(`${name}40`, [40])),
  ...['scale', 'shift', 'mean', 'variance'].map((name) => floats(`${name}2x4x5`, [2, 4, 5])),
  floats('matrix', [40, 3]),
  floats('turned', [3, 40]),
  floats('two', [2, 3]),
  floats('list40', [40]),
  floats('one', []),
  floats('row', [1, 3]),
  floats('column', [2, 1]),
  floats('four', [4]),
  floats('cube', [1, 1, 3]),
  floats('zero', [], { values: [0] }),
  floats('half', [], { values: [0.5] }),
  floats('infinite', [], { values: [Number.POSITIVE_INFINITY] }),
  integer('index0', 0),
  integer('index-4', -4),
  integers('[0]', [0]),
  integers('[-1]', [-1]),
  integers('[0,0]', [0, 0]),
  integers('[2]', [2]),
  integers('[1]', [1]),
  integers('[2,3]', [2, 3]),
  integers('[-1,2]', [-1, 2]),
  integers('[3,3]', [3, 3]),
  integers('[]', []),
  integers('[0,-1]', [0, -1]),
  integers('[-1,40]', [-1, 40]),
  integers('[-1,20]', [-1, 20]),
  integers('[2,40]', [2, 40]),
  integers('[4,20]', [4, 20]),
  integers('[0,21]', [0, 21]),
  integers('[-1,-1]', [-1, -1]),
  integers('[0,2,4,5]', [0, 2, 4, 5]),
  integers('[0,2,-1,5]', [0, 2, -1, 5]),
  integers('[0,40,1,1]', [0, 40, 1, 1]),
  integers('[0,4,2,5]', [0, 4, 2, 5]),
  integers('[0,8,5]', [0, 8, 5]),
  integers('around', [0, 0, 1, 2, 0, 0, 1, 2]),
  integers('beside', [0, 0, 0, 1, 0, 0, 0, 0]),
  integers('less', [0, 0, 0, -1, 0, 0, 0, -1]),
  integers('channels', [0, 1, 0, 0, 0, 0, 0, 0]),
  integers('[1,2,1,2]', [1, 2, 1, 2]),
  boolean('false', false),
  boolean('true', true),
];

const always = (verdict: Verdict) => ({ 7: verdict });
const until = (version: number) => ({ 7: 'read', [version]: 'broken' }) as const;
const from = (version: number, verdict: Verdict = 'read') => ({ 7: 'broken', [version]: verdict }) as const;
type Attributes = Parameters<typeof node>[3];

const conv = (attributes?: Attributes, filters = 'filters') => [node('Conv', ['x', filters], 'y', attributes)];
const maxPool = (attributes?: Attributes) => [node('MaxPool', ['x'], 'y', attributes)];
const meanPool = (attributes?: Attributes) => [node('AveragePool', ['x'], 'y', attributes)];
const norm = (attributes?: Attributes, input = 'x', suffix = '') =>
  node(
    'BatchNormalization',
    [input, ...['scale', 'shift', 'mean', 'variance'].map((name) => `${name}${suffix}`)],
    'y',
    attributes,
  );
const outputs = (given: NodeProto, ...names: string[]): NodeProto => ({ ...given, output: ['y', ...names] });
const rows = node('Flatten', ['x'], 'rows');
const others = [node('Conv', ['x', 'whole'], 'pixels'), node('Flatten', ['pixels'], 'others')];
const pixel = node('GlobalMaxPool', ['x'], 'pixel');
const pixelRows = node('Flatten', ['pixel'], 'pixelRows');
const gemm = (inputs: readonly string[], attributes?: Attributes) => [
  rows,
  node('Gemm', ['rows', ...inputs], 'y', attributes),
];
const reshape = (shape: string, attributes?: Attributes) => [node('Reshape', ['x', shape], 'y', attributes)];
const softmax = (input: string, axis?: number) => node('Softmax', [input], 'y', axis === undefined ? {} : { axis });
const padded = (...pad: NodeProto[]) => [...pad, node('Conv', ['padded', 'filters'], 'y')];
const clip = (inputs: readonly string[], attributes?: Attributes) => [node('Clip', ['x', ...inputs], 'y', attributes)];
/** `x.view(x.size(0), -1)` as exporters write it, the nodes between make a list of the first of `shape`. */
const view = (...between: NodeProto[]) => [
  node('Shape', ['x'], 'shape'),
  ...between,
  node('Concat', ['sizes', '[-1]'], 'target', { axis: 0 }),
  node('Reshape', ['x', 'target'], 'y'),
];

/** Windows of pools, whatever they make of them. */
const windows = (
  pool: typeof maxPool,
  dilations: number,
): readonly (readonly [string, NodeProto[], Case['verdicts']])[] => [
  ['kernel_shape', pool({ kernel_shape: [2, 3] }), always('read')],
  ['no kernel_shape', pool(), always('broken')],
  ['kernel_shape of three', pool({ kernel_shape: [2, 2, 2] }), always('broken')],
  ['kernel_shape beyond the image', pool({ kernel_shape: [5, 6], strides: [2, 2] }), always('refused')],
  ['strides', pool({ kernel_shape: [2, 2], strides: [2, 3] }), always('read')],
  ['pads', pool({ kernel_shape: [3, 3], pads: [1, 1, 1, 1] }), always('read')],
  ['pads of half the window', pool({ kernel_shape: [2, 4], pads: [1, 2, 1, 2] }), always('read')],
  ['pads above half the window', pool({ kernel_shape: [3, 3], pads: [2, 2, 2, 2] }), always('refused')],
  ['pads on one side', pool({ kernel_shape: [3, 3], pads: [0, 0, 1, 1] }), always('refused')],
  ['auto_pad NOTSET', pool({ kernel_shape: [3, 3], pads: [1, 1, 1, 1], auto_pad: 'NOTSET' }), always('read')],
  ['auto_pad VALID', pool({ kernel_shape: [3, 3], auto_pad: 'VALID' }), always('read')],
  ['auto_pad SAME_UPPER', pool({ kernel_shape: [3, 3], auto_pad: 'SAME_UPPER' }), always('read')],
  ['auto_pad SAME_LOWER', pool({ kernel_shape: [3, 3], auto_pad: 'SAME_LOWER', strides: [1, 2] }), always('read')],
  ['auto_pad on one side', pool({ kernel_shape: [2, 2], auto_pad: 'SAME_UPPER' }), always('refused')],
  ['auto_pad ahead of pads', pool({ kernel_shape: [3, 3], auto_pad: 'VALID', pads: [1, 1, 1, 1] }), always('read')],
  ['auto_pad of another name', pool({ kernel_shape: [3, 3], auto_pad: 'SAME' }), always('broken')],
  ['ceil_mode 0', pool({ kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 0 }), from(10)],
  ['ceil_mode that changes nothing', pool({ kernel_shape: [2, 3], strides: [2, 2], ceil_mode: 1 }), from(10)],
  ['ceil_mode', pool({ kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }), from(10, 'refused')],
  ['dilations of 1', pool({ kernel_shape: [2, 2], dilations: [1, 1] }), from(dilations)],
  ['dilations', pool({ kernel_shape: [2, 2], dilations: [2, 1] }), from(dilations, 'refused')],
  ['rows', [rows, node(pool()[0]!.opType, ['rows'], 'y', { kernel_shape: [2, 2] })], always('broken')],
];

type Row = readonly [what: string, nodes: readonly NodeProto[], verdicts: Case['verdicts'], inputs?: Case['inputs']];

/** Every attribute and input of every operator that is read, there and absent. */
const table: Readonly<Record<string, readonly Row[]>> = {
  Add: [
    ['alike', [...conv(), node('Add', ['y', 'y'], 'z'), node('Relu', ['z'], 'last')], always('read')],
    ['rows of one order', [rows, node('Add', ['rows', 'rows'], 'y')], always('read')],
    ['rows of several orders', [rows, ...others, node('Add', ['rows', 'others'], 'y')], always('read')],
    ['[N, C, 1, 1] behind', [pixel, node('Add', ['x', 'pixel'], 'y')], always('refused')],
    ['[N, C, 1, 1] ahead', [pixel, node('Add', ['pixel', 'x'], 'y')], always('refused')],
    ['a constant', [node('Add', ['x', 'one'], 'y')], always('refused')],
    [
      'other shapes',
      [node('MaxPool', ['x'], 'p', { kernel_shape: [2, 2] }), node('Add', ['x', 'p'], 'y')],
      always('broken'),
    ],
    ['a row and images', [rows, node('Add', ['x', 'rows'], 'y')], always('broken')],
    ['one input', [node('Add', ['x'], 'y')], always('broken')],
    ['an attribute of old', [node('Add', ['x', 'x'], 'y', { broadcast: 1 })], always('broken')],
  ],
  AveragePool: [
    ...windows(meanPool, 19),
    [
      'count_include_pad 0',
      meanPool({ kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 0 }),
      always('read'),
    ],
    ['count_include_pad', meanPool({ kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }), always('read')],
    [
      'count_include_pad of auto_pad',
      meanPool({ kernel_shape: [3, 3], auto_pad: 'SAME_UPPER', count_include_pad: 1 }),
      always('read'),
    ],
    ['storage_order', meanPool({ kernel_shape: [3, 3], storage_order: 0 }), always('broken')],
  ],
  BatchNormalization: [
    ['nothing', [norm()], always('read')],
    ['epsilon', [norm({ epsilon: 0.1 })], always('read')],
    ['no epsilon', [norm({ epsilon: { float: 0 } })], always('refused')],
    ['momentum', [norm({ momentum: 0.5 })], always('read')],
    ['momentum beyond 1', [norm({ momentum: 1.5 })], always('refused')],
    ['spatial 1', [norm({ spatial: 1 })], until(9)],
    ['spatial 0', [norm({ spatial: 0 }, 'x', '2x4x5')], { 7: 'refused', 9: 'broken' }],
    ['training_mode 0', [norm({ training_mode: 0 })], from(14)],
    ['training_mode', [outputs(norm({ training_mode: 1 }), 'm', 'v')], from(14, 'refused')],
    ['five outputs', [outputs(norm(), 'm', 'v', 'sm', 'sv')], { 7: 'refused', 14: 'broken' }],
    ['rows', [pixel, pixelRows, norm({}, 'pixelRows')], always('read')],
    ['rows of images', [rows, norm({}, 'rows', '40')], always('read')],
    ['statistics of other channels', [norm({}, 'x', '40')], always('broken')],
  ],
  Clip: [
    ['attributes', clip([], { min: { float: 0 }, max: 0.3 }), until(11)],
    ['min alone', clip([], { min: { float: 0 } }), until(11)],
    ['max alone', clip([], { max: 0.3 }), { 7: 'refused', 11: 'broken' }],
    ['nothing', [node('Clip', ['x'], 'c'), node('Relu', ['c'], 'y')], always('read')],
    ['inputs', clip(['zero', 'half']), from(11)],
    ['min as input alone', clip(['zero']), from(11)],
    ['max as input alone', clip(['', 'half']), from(11, 'refused')],
    ['no upper bound', clip(['zero', 'infinite']), from(11)],
    ['bounds above 0', clip(['half']), from(11, 'refused')],
  ],
  Concat: [
    ['axis 1', [node('Concat', ['x', 'x'], 'y', { axis: 1 })], always('read')],
    ['a negative axis', [node('Concat', ['x', 'x'], 'y', { axis: -3 })], always('read')],
    ['no axis', [node('Concat', ['x', 'x'], 'y')], always('broken')],
    ['axis 0', [node('Concat', ['x', 'x'], 'y', { axis: 0 })], always('refused')],
    ['axis 2', [node('Concat', ['x', 'x'], 'y', { axis: 2 })], always('refused')],
    ['axis -1', [node('Concat', ['x', 'x'], 'y', { axis: -1 })], always('refused')],
    ['axis 4', [node('Concat', ['x', 'x'], 'y', { axis: 4 })], always('broken')],
    ['one input', [node('Concat', ['x'], 'c', { axis: 1 }), node('Relu', ['c'], 'y')], always('read')],
    ['no input', [node('Concat', [], 'y', { axis: 1 })], always('broken')],
    ['rows', [pixel, pixelRows, node('Concat', ['pixelRows', 'pixelRows'], 'y', { axis: -1 })], always('read')],
    [
      'rows of images',
      [rows, pixel, pixelRows, node('Concat', ['rows', 'pixelRows'], 'y', { axis: 1 })],
      always('read'),
    ],
    ['rows of images on axis 0', [rows, node('Concat', ['rows', 'rows'], 'y', { axis: 0 })], always('refused')],
    ['images of several sizes', [pixel, node('Concat', ['x', 'pixel'], 'y', { axis: 1 })], always('broken')],
    ['rows and images', [rows, node('Concat', ['x', 'rows'], 'y', { axis: 1 })], always('broken')],
    [
      'constants of weights',
      [node('Concat', ['bias', 'bias'], 'b', { axis: 0 }), node('Relu', ['b'], 'y')],
      always('refused'),
    ],
  ],
  Constant: [
    [
      'value',
      [node('Constant', [], 'shape', { value: integers('', [0, -1]) }), node('Reshape', ['x', 'shape'], 'y')],
      always('read'),
    ],
    ['value_float', [node('Constant', [], 'low', { value_float: { float: 0 } }), ...clip(['low'])], { 12: 'read' }],
    [
      'value_floats',
      [node('Constant', [], 'bias', { value_floats: { floats: [0.1, 0.2, 0.3] } }), ...gemm(['matrix', 'bias'])],
      { 12: 'read' },
    ],
    [
      'value_ints',
      [node('Constant', [], 'shape', { value_ints: [0, -1] }), node('Reshape', ['x', 'shape'], 'y')],
      { 12: 'read' },
    ],
    [
      'value_int',
      view(
        node('Constant', [], 'zeroth', { value_int: 0 }),
        node('Gather', ['shape', 'zeroth'], 'count'),
        node('Unsqueeze', ['count', '[0]'], 'sizes'),
      ),
      { 13: 'read' },
    ],
    ['no value', [node('Constant', [], 'low'), ...clip(['low'])], always('broken')],
  ],
  Conv: [
    ['nothing', conv(), always('read')],
    ['a bias', [node('Conv', ['x', 'filters', 'bias'], 'y')], always('read')],
    ['a bias left out', [node('Conv', ['x', 'filters', ''], 'y')], always('read')],
    ['kernel_shape', conv({ kernel_shape: [3, 3] }), always('read')],
    ['another kernel_shape', conv({ kernel_shape: [3, 2] }), always('broken')],
    ['strides', conv({ strides: [2, 1] }), always('read')],
    ['strides of none', conv({ strides: [0, 1] }), always('broken')],
    ['pads', conv({ pads: [1, 2, 1, 2] }), always('read')],
    ['pads on one side', conv({ pads: [1, 0, 0, 1] }), always('refused')],
    ['negative pads', conv({ pads: [-1, -1, -1, -1] }), always('broken')],
    ['dilations', conv({ dilations: [1, 2] }), always('read')],
    ['group', conv({ group: 2 }, 'grouped'), always('read')],
    ['no groups', conv({ group: 0 }), always('broken')],
    ['auto_pad NOTSET', conv({ auto_pad: 'NOTSET', pads: [1, 1, 1, 1] }), always('read')],
    ['auto_pad of no name', conv({ auto_pad: '', pads: [1, 1, 1, 1] }), always('read')],
    ['auto_pad VALID', conv({ auto_pad: 'VALID' }), always('read')],
    ['auto_pad SAME_UPPER', conv({ auto_pad: 'SAME_UPPER' }), always('read')],
    ['auto_pad SAME_LOWER', conv({ auto_pad: 'SAME_LOWER', strides: [1, 2] }), always('read')],
    ['auto_pad on one side', conv({ auto_pad: 'SAME_LOWER', strides: [2, 1] }), always('refused')],
    ['auto_pad with pads', conv({ auto_pad: 'VALID', pads: [0, 0, 0, 0] }), always('broken')],
    ['windows beyond the image', conv({ dilations: [2, 2] }, 'whole'), always('broken')],
    ['no filters', conv({}, 'none'), always('refused')],
    ['filters of volumes', conv({}, 'volumes'), always('broken')],
    ['rows', [rows, node('Conv', ['rows', 'filters'], 'y')], always('broken')],
  ],
  Dropout: [
    ['nothing', [...conv(), node('Dropout', ['y'], 'last')], always('read')],
    ['ratio', [...conv(), node('Dropout', ['y'], 'last', { ratio: 0.3 })], until(12)],
    ['seed', [...conv(), node('Dropout', ['y'], 'last', { seed: 3 })], from(12)],
    ['ratio as input', [...conv(), node('Dropout', ['y', 'half'], 'last')], from(12)],
    ['training_mode false', [...conv(), node('Dropout', ['y', 'half', 'false'], 'last')], from(12)],
    ['training_mode true', [...conv(), node('Dropout', ['y', 'half', 'true'], 'last')], from(12, 'refused')],
  ],
  Flatten: [
    ['nothing', [rows], always('read')],
    ['axis 1', [node('Flatten', ['x'], 'y', { axis: 1 })], always('read')],
    ['a negative axis', [node('Flatten', ['x'], 'y', { axis: -3 })], from(11)],
    ['axis 0', [node('Flatten', ['x'], 'y', { axis: 0 })], always('refused')],
    ['axis 2', [node('Flatten', ['x'], 'y', { axis: 2 })], always('refused')],
    ['axis 4', [node('Flatten', ['x'], 'y', { axis: 4 })], always('refused')],
    ['axis 5', [node('Flatten', ['x'], 'y', { axis: 5 })], always('broken')],
    ['rows', [rows, node('Flatten', ['rows'], 'y')], always('read')],
    ['rows by a negative axis', [rows, node('Flatten', ['rows'], 'y', { axis: -1 })], from(11)],
    ['a ReLU behind it', [rows, node('Relu', ['rows'], 'y')], always('read')],
  ],
  Gather: [
    [
      'a size',
      view(node('Gather', ['shape', 'index0'], 'count'), node('Unsqueeze', ['count', '[0]'], 'sizes')),
      { 13: 'read' },
    ],
    [
      'a size of old',
      view(node('Gather', ['shape', 'index0'], 'count'), node('Unsqueeze', ['count'], 'sizes', { axes: [0] })),
      until(13),
    ],
    ['sizes', view(node('Gather', ['shape', '[0]'], 'sizes')), always('read')],
    ['axis 0', view(node('Gather', ['shape', '[0]'], 'sizes', { axis: 0 })), always('read')],
    ['axis -1', view(node('Gather', ['shape', '[0]'], 'sizes', { axis: -1 })), always('read')],
    ['axis 1', view(node('Gather', ['shape', '[0]'], 'sizes', { axis: 1 })), always('broken')],
    [
      'a negative index',
      view(node('Gather', ['shape', 'index-4'], 'count'), node('Reshape', ['count', '[1]'], 'sizes')),
      always('read'),
    ],
    ['images', [node('Gather', ['x', '[0]'], 'y')], always('refused')],
  ],
  Gemm: [
    ['nothing', gemm(['matrix', 'bias']), always('read')],
    ['transB', gemm(['turned', 'bias'], { transB: 1 }), always('read')],
    ['transA', gemm(['two', 'bias'], { transA: 1 }), always('refused')],
    ['alpha', gemm(['matrix', 'bias'], { alpha: 0.5 }), always('refused')],
    ['beta', gemm(['matrix', 'bias'], { beta: 0.5 }), always('refused')],
    ['alpha and beta of 1', gemm(['matrix', 'bias'], { alpha: { float: 1 }, beta: { float: 1 } }), always('read')],
    ['no C', gemm(['matrix']), from(11)],
    ['no C, and a beta', gemm(['matrix'], { beta: 0.5 }), from(11)],
    ['C of one number', gemm(['matrix', 'one']), always('read')],
    ['C as a row', gemm(['matrix', 'row']), always('read')],
    ['C of several images', gemm(['matrix', 'column']), always('refused')],
    ['C of several images and outputs', gemm(['matrix', 'two']), always('refused')],
    ['C of other outputs', gemm(['matrix', 'four']), always('broken')],
    ['C of three axes', gemm(['matrix', 'cube']), always('broken')],
    ['a matrix of other inputs', gemm(['turned', 'bias']), always('broken')],
    ['images', [node('Gemm', ['x', 'matrix', 'bias'], 'y')], always('broken')],
    ['a computed matrix', [rows, node('Gemm', ['rows', 'rows', 'one'], 'y', { transB: 1 })], always('refused')],
  ],
  GlobalAveragePool: [
    ['images', [node('GlobalAveragePool', ['x'], 'y')], always('read')],
    ['rows', [rows, node('GlobalAveragePool', ['rows'], 'y')], always('broken')],
  ],
  GlobalMaxPool: [
    ['images', [pixel], always('read')],
    ['rows', [rows, node('GlobalMaxPool', ['rows'], 'y')], always('broken')],
  ],
  Identity: [['images', [node('Identity', ['x'], 'same'), node('Relu', ['same'], 'y')], always('read')]],
  MaxPool: [
    ...windows(maxPool, 10),
    ['storage_order', maxPool({ kernel_shape: [2, 2], storage_order: 1 }), from(8)],
    ['indices that nothing reads', [outputs(maxPool({ kernel_shape: [2, 2] })[0]!, 'indices')], { 8: 'read' }],
  ],
  Pad: [
    ['pads as attribute', padded(node('Pad', ['x'], 'padded', { pads: [0, 0, 1, 2, 0, 0, 1, 2] })), until(11)],
    [
      'mode and value as attributes',
      padded(node('Pad', ['x'], 'padded', { pads: [0, 0, 1, 2, 0, 0, 1, 2], mode: 'constant', value: { float: 0 } })),
      until(11),
    ],
    [
      'another value',
      padded(node('Pad', ['x'], 'padded', { pads: [0, 0, 1, 2, 0, 0, 1, 2], value: 0.5 })),
      { 7: 'refused', 11: 'broken' },
    ],
    ['no pads', padded(node('Pad', ['x'], 'padded')), always('broken')],
    ['pads as input', padded(node('Pad', ['x', 'around'], 'padded')), from(11)],
    ['a value as input', padded(node('Pad', ['x', 'around', 'zero'], 'padded', { mode: 'constant' })), from(11)],
    ['another value as input', padded(node('Pad', ['x', 'around', 'half'], 'padded')), from(11, 'refused')],
    ['axes', padded(node('Pad', ['x', '[1,2,1,2]', '', '[2,3]'], 'padded')), from(18)],
    ['axes in another order', padded(node('Pad', ['x', '[1,2,1,2]', '', '[-1,2]'], 'padded')), from(18)],
    ['mode reflect', padded(node('Pad', ['x', 'around'], 'padded', { mode: 'reflect' })), from(11, 'refused')],
    ['mode edge', padded(node('Pad', ['x', 'around'], 'padded', { mode: 'edge' })), from(11, 'refused')],
    ['one side', padded(node('Pad', ['x', 'beside'], 'padded')), from(11, 'refused')],
    ['less', padded(node('Pad', ['x', 'less'], 'padded')), from(11, 'refused')],
    ['channels', [node('Pad', ['x', 'channels'], 'padded'), node('Relu', ['padded'], 'y')], from(11, 'refused')],
    [
      'ahead of a mean',
      [node('Pad', ['x', 'around'], 'padded'), node('AveragePool', ['padded'], 'y', { kernel_shape: [3, 4] })],
      from(11),
    ],
    [
      'ahead of a maximum',
      [node('Pad', ['x', 'around'], 'padded'), node('MaxPool', ['padded'], 'y', { kernel_shape: [3, 4] })],
      from(11, 'refused'),
    ],
    [
      'ahead of automatic padding',
      [node('Pad', ['x', 'around'], 'padded'), node('Conv', ['padded', 'filters'], 'y', { auto_pad: 'SAME_UPPER' })],
      from(11, 'refused'),
    ],
    [
      'ahead of a flatten',
      [node('Pad', ['x', 'around'], 'padded'), node('Reshape', ['padded', '[0,-1]'], 'y')],
      from(11, 'refused'),
    ],
    ['rows', [rows, node('Pad', ['rows', '[1,2,1,2]'], 'y')], from(11, 'refused')],
  ],
  ReduceMean: [
    ['axes as attribute', [node('ReduceMean', ['x'], 'y', { axes: [2, 3] })], until(18)],
    ['negative axes', [node('ReduceMean', ['x'], 'y', { axes: [-1, -2] })], until(18)],
    ['axes as input', [node('ReduceMean', ['x', '[2,3]'], 'y')], from(18)],
    ['axes in another order', [node('ReduceMean', ['x', '[-1,2]'], 'y')], from(18)],
    ['keepdims 1', [node('ReduceMean', ['x'], 'y', { axes: [2, 3], keepdims: 1 })], until(18)],
    ['keepdims 0', [node('ReduceMean', ['x'], 'y', { axes: [2, 3], keepdims: 0 })], until(18)],
    ['keepdims 0 with axes as input', [node('ReduceMean', ['x', '[2,3]'], 'y', { keepdims: 0 })], from(18)],
    ['nothing', [node('ReduceMean', ['x'], 'y')], always('refused')],
    ['no axes', [node('ReduceMean', ['x', '[]'], 'y')], from(18, 'refused')],
    [
      'noop_with_empty_axes',
      [node('ReduceMean', ['x'], 'm', { noop_with_empty_axes: 1 }), node('Relu', ['m'], 'y')],
      from(18),
    ],
    ['noop_with_empty_axes and axes', [node('ReduceMean', ['x', '[2,3]'], 'y', { noop_with_empty_axes: 1 })], from(18)],
    ['an axis', [node('ReduceMean', ['x'], 'y', { axes: [3] })], { 7: 'refused', 18: 'broken' }],
    ['an axis that there is not', [node('ReduceMean', ['x'], 'y', { axes: [4] })], always('broken')],
    ['rows', [rows, node('ReduceMean', ['rows'], 'y')], always('refused')],
  ],
  Relu: [['images', [node('Relu', ['x'], 'y')], always('read')]],
  Reshape: [
    ['[0,-1]', reshape('[0,-1]'), always('read')],
    ['[-1,40]', reshape('[-1,40]'), always('read')],
    ['[2,40] of two images', reshape('[2,40]'), always('read'), [tensor('x', [2, 2, 4, 5])]],
    ['[2,40] of any number', reshape('[2,40]'), always('refused')],
    ['[-1,20]', reshape('[-1,20]'), always('refused')],
    ['[4,20]', reshape('[4,20]'), always('refused')],
    ['[0,21]', reshape('[0,21]'), always('broken')],
    ['[-1,-1]', reshape('[-1,-1]'), always('broken')],
    ['images as they are', [node('Reshape', ['x', '[0,2,-1,5]'], 'same'), node('Relu', ['same'], 'y')], always('read')],
    [
      'rows into what they were',
      [rows, node('Reshape', ['rows', '[0,2,4,5]'], 'same'), node('Relu', ['same'], 'y')],
      always('read'),
    ],
    ['a pixel of all elements', [node('Reshape', ['x', '[0,40,1,1]'], 'p'), node('Relu', ['p'], 'y')], always('read')],
    ['other channels', reshape('[0,4,2,5]'), always('refused')],
    ['three axes', reshape('[0,8,5]'), always('refused')],
    ['allowzero 0', reshape('[0,-1]', { allowzero: 0 }), from(14)],
    ['allowzero with no zero', reshape('[-1,40]', { allowzero: 1 }), from(14)],
    ['a shape of floats', reshape('bias'), always('broken')],
  ],
  Shape: [
    [
      'nothing',
      [node('Shape', ['x'], 's'), node('Reshape', ['x', 's'], 'same'), node('Relu', ['same'], 'y')],
      always('read'),
    ],
    [
      'start and end',
      [
        node('Shape', ['x'], 'batch', { end: -3 }),
        node('Shape', ['x'], 'rest', { start: 1, end: 9 }),
        node('Concat', ['batch', 'rest'], 's', { axis: 0 }),
        node('Reshape', ['x', 's'], 'same'),
        node('Relu', ['same'], 'y'),
      ],
      from(15),
    ],
  ],
  Softmax: [
    ['rows', [pixel, pixelRows, softmax('pixelRows')], always('read')],
    ['rows, axis 1', [pixel, pixelRows, softmax('pixelRows', 1)], always('read')],
    ['rows, axis -1', [pixel, pixelRows, softmax('pixelRows', -1)], always('read')],
    ['rows, axis 0', [pixel, pixelRows, softmax('pixelRows', 0)], always('refused')],
    ['rows, axis 2', [pixel, pixelRows, softmax('pixelRows', 2)], always('broken')],
    ['rows of images', [rows, softmax('rows')], always('read')],
    ['a pixel', [pixel, softmax('pixel')], { 7: 'read', 13: 'refused' }],
    ['a pixel, axis 1', [pixel, softmax('pixel', 1)], always('read')],
    ['images', [softmax('x')], always('refused')],
    ['images, axis 1', [softmax('x', 1)], { 7: 'refused', 13: 'read' }],
    ['images, axis -3', [softmax('x', -3)], { 7: 'refused', 13: 'read' }],
    ['images, axis 2', [softmax('x', 2)], always('refused')],
  ],
  Squeeze: [
    ['axes as attribute', [pixel, node('Squeeze', ['pixel'], 'y', { axes: [2, 3] })], until(13)],
    ['negative axes', [pixel, node('Squeeze', ['pixel'], 'y', { axes: [-1, 2] })], until(13)],
    ['axes as input', [pixel, node('Squeeze', ['pixel', '[2,3]'], 'y')], from(13)],
    ['negative axes as input', [pixel, node('Squeeze', ['pixel', '[-1,2]'], 'y')], from(13)],
    ['nothing', [pixel, node('Squeeze', ['pixel'], 'y')], always('refused')],
    ['one axis', [pixel, node('Squeeze', ['pixel', '[2]'], 'y')], from(13, 'refused')],
    ['axes of images', [node('Squeeze', ['x', '[2,3]'], 'y')], always('broken')],
    [
      'a size',
      view(
        node('Gather', ['shape', '[0]'], 'list'),
        node('Squeeze', ['list'], 'count'),
        node('Reshape', ['count', '[1]'], 'sizes'),
      ),
      always('read'),
    ],
  ],
  Unsqueeze: [
    ['axes as attribute', [pixel, pixelRows, node('Unsqueeze', ['pixelRows'], 'y', { axes: [2, 3] })], until(13)],
    ['negative axes', [pixel, pixelRows, node('Unsqueeze', ['pixelRows'], 'y', { axes: [-1, 2] })], until(13)],
    ['axes as input', [pixel, pixelRows, node('Unsqueeze', ['pixelRows', '[2,3]'], 'y')], from(13)],
    ['negative axes as input', [pixel, pixelRows, node('Unsqueeze', ['pixelRows', '[-1,2]'], 'y')], from(13)],
    ['rows of images', [rows, node('Unsqueeze', ['rows', '[2,3]'], 'y')], from(13)],
    ['a constant behind its last axis', [node('Unsqueeze', ['list40', '[-1]'], 'm'), ...gemm(['m', 'one'])], from(13)],
    [
      'a constant of old behind its last axis',
      [node('Unsqueeze', ['list40'], 'm', { axes: [-1] }), ...gemm(['m', 'one'])],
      { 11: 'read', 13: 'broken' },
    ],
    [
      'a constant ahead of its axis',
      [node('Unsqueeze', ['list40', '[0]'], 'm'), ...gemm(['m', 'one'], { transB: 1 })],
      from(13),
    ],
    [
      'a constant beyond its axes',
      [node('Unsqueeze', ['list40', '[2]'], 'm'), ...gemm(['m', 'one'])],
      always('broken'),
    ],
    [
      'a constant twice at one place',
      [node('Unsqueeze', ['bias', '[0,0]'], 'm'), ...gemm(['m', 'one'])],
      always('broken'),
    ],
    ['no axes', [pixel, pixelRows, node('Unsqueeze', ['pixelRows'], 'y')], always('broken')],
    ['an axis', [pixel, pixelRows, node('Unsqueeze', ['pixelRows', '[2]'], 'y')], from(13, 'refused')],
    ['images', [node('Unsqueeze', ['x', '[2]'], 'y')], from(13, 'refused')],
  ],
};

const cases = Object.entries(table).flatMap(([operator, rows]) =>
  rows.map(([what, nodes, verdicts, inputs]): Case & { operator: string } => {
    return { operator, what, nodes, verdicts, ...(inputs && { inputs }) };
  }),
);

/** The file of a case, with the constants that it reads. */
function fileOf({ nodes, inputs = [tensor('x', ['N', 2, 4, 5])] }: Case, opset: number): Uint8Array {
  const read = new Set(nodes.flatMap(({ input }) => input));
  const made = new Set(nodes.flatMap(({ output }) => output));
  return modelOf({
    nodes,
    constants: constants.filter(({ name }) => read.has(name) && !made.has(name)),
    inputs,
    outputs: [tensor(nodes.at(-1)!.output[0]!)],
    opset,
  });
}

const pictures = uniform(images * 2 * 4 * 5, 1);

async function runtimeValues(file: Uint8Array): Promise<Float32Array | Error> {
  try {
    return (await runOnnx(file, size, pictures)).values;
  } catch (error) {
    return error as Error;
  }
}

async function expectVerdict(verdict: Verdict, file: Uint8Array, label: string): Promise<void> {
  const expected = await runtimeValues(file);
  if (verdict === 'broken') {
    expect(expected, `${label}: ONNX Runtime`).toBeInstanceOf(Error);
    expect(() => decodeOnnx(file), label).toThrow(FormatError);
    return;
  }
  if (expected instanceof Error) throw new Error(`${label}: ONNX Runtime refuses it`, { cause: expected });
  if (verdict === 'refused') {
    expect(() => decodeOnnx(file), label).toThrow(UnsupportedError);
    expect(() => decodeOnnx(file), label).toThrow(
      /: file\.onnx, (node "\w+" \(\w+\)|tensor "\w+").*: expected .+, got .+/,
    );
    return;
  }
  const { network, values } = decodeOnnx(file);
  const { logits } = networkForward(network, values, pictures, { training: false });
  expect(logits, label).toHaveLength(expected.length);
  const largest = distance(expected, new Float32Array(expected.length));
  expect(distance(logits, expected), label).toBeLessThan(1e-6 * Math.max(1, largest));
}

describe.each(cases)('$operator, $what', (given) => {
  it('is in every version what it is to ONNX Runtime', async () => {
    let verdict: Verdict | undefined;
    for (let opset = versions.oldest; opset <= versions.newest; opset++) {
      verdict = given.verdicts[opset] ?? verdict;
      if (verdict) await expectVerdict(verdict, fileOf(given, opset), `version ${opset}`);
    }
  });
});
