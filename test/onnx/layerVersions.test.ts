import type { NodeProto } from 'onnx-buf';
import { floats, integers, node, tensor } from './models.js';
import { always, from, type Row, testVerdicts, until } from './verdicts.js';

/* Operators of layers that are loaded when a network has one, and those between them. */

type Attributes = Parameters<typeof node>[3];

const outputs = (given: NodeProto, ...names: string[]): NodeProto => ({ ...given, name: 'split', output: names });
const rows = node('Flatten', ['x'], 'rows');
const pixel = node('GlobalAveragePool', ['x'], 'pixel');
const one = (opType: string, attributes?: Attributes, input = 'x') => [node(opType, [input], 'y', attributes)];
const withOther = (opType: string, other: string) => [node(opType, ['x', other], 'y')];
const ofOther = (opType: string, other: string) => [node(opType, [other, 'x'], 'y')];
const transposed = (attributes?: Attributes) => [node('ConvTranspose', ['x', 'upward'], 'y', attributes)];
const resized = (inputs: readonly string[], attributes: Attributes) => [node('Resize', inputs, 'y', attributes)];
const transpose = (perm: readonly number[], input = 'x', output = 'y') => node('Transpose', [input], output, { perm });

/** Of a tensor and a constant. */
const arithmetic = (opType: string): readonly Row[] => [
  ['a number', withOther(opType, 'half'), always('read')],
  ['a number for each channel', withOther(opType, 'channel'), always('read')],
  ['a constant of every element', withOther(opType, 'elements'), always('refused')],
  ['a constant of other channels', withOther(opType, 'bias3'), always('broken')],
  ['rows and a number for each', [rows, node(opType, ['rows', 'list40'], 'y')], always('read')],
  ['an attribute of old', [node(opType, ['x', 'half'], 'y', { broadcast: 1 })], always('broken')],
];

const table: Readonly<Record<string, readonly Row[]>> = {
  Cast: [
    ['to what it is', [node('Cast', ['x'], 'same', { to: 1 }), node('Relu', ['same'], 'y')], always('read')],
    ['of constants', [node('Cast', ['[2]'], 'float', { to: 1 }), node('Mul', ['x', 'float'], 'y')], always('read')],
  ],
  ConvTranspose: [
    ['nothing', transposed(), always('read')],
    ['strides', transposed({ strides: [2, 3] }), always('read')],
    ['pads', transposed({ strides: [2, 2], pads: [1, 0, 1, 0] }), always('read')],
    ['pads on one side', transposed({ strides: [2, 2], pads: [0, 1, 1, 0] }), always('read')],
    ['output_padding', transposed({ strides: [2, 3], output_padding: [1, 2] }), always('read')],
    ['dilations', transposed({ dilations: [2, 1] }), always('read')],
    ['group', [node('ConvTranspose', ['x', 'upward'], 'y', { group: 2 })], always('read')],
    ['auto_pad SAME_UPPER', transposed({ strides: [2, 2], auto_pad: 'SAME_UPPER' }), always('read')],
    ['auto_pad SAME_LOWER', transposed({ strides: [2, 2], auto_pad: 'SAME_LOWER' }), always('read')],
    ['auto_pad VALID', transposed({ strides: [2, 2], auto_pad: 'VALID' }), always('read')],
    ['output_shape', transposed({ strides: [2, 2], output_shape: [8, 10] }), always('read')],
    ['a bias', [node('ConvTranspose', ['x', 'upward', 'bias3'], 'y')], always('read')],
    ['a bias behind it', [...transposed(), node('Add', ['y', 'channels3'], 'z')], always('read')],
    ['computed filters', [node('ConvTranspose', ['x', 'x'], 'y')], always('refused')],
  ],
  Add: [
    ...arithmetic('Add'),
    ['a number ahead', ofOther('Add', 'half'), always('read')],
    [
      'behind a convolution',
      [node('Conv', ['x', 'filters'], 'c'), node('Add', ['c', 'channels3'], 'y')],
      always('read'),
    ],
    [
      'behind a convolution that something else reads',
      [
        node('Conv', ['x', 'filters'], 'c'),
        node('Add', ['c', 'channels3'], 'a'),
        node('Relu', ['c'], 'r'),
        node('Add', ['a', 'r'], 'y'),
      ],
      always('read'),
    ],
  ],
  Sub: [
    ...arithmetic('Sub'),
    ['from a number', ofOther('Sub', 'half'), always('read')],
    ['tensors', [node('Relu', ['x'], 'r'), node('Sub', ['r', 'x'], 'y')], always('read')],
  ],
  Mul: [
    ...arithmetic('Mul'),
    ['tensors', [node('Relu', ['x'], 'r'), node('Mul', ['r', 'x'], 'y')], always('read')],
    ['a gate', [pixel, node('Mul', ['x', 'pixel'], 'y')], always('read')],
    ['a gate ahead', [pixel, node('Mul', ['pixel', 'x'], 'y')], always('read')],
    ['a gate of rows', [pixel, node('Flatten', ['pixel'], 'p'), node('Mul', ['x', 'p'], 'y')], always('broken')],
    ['affine twice', [node('Mul', ['x', 'channel'], 'm'), node('Add', ['m', 'half'], 'y')], always('read')],
  ],
  Div: [
    ...arithmetic('Div'),
    ['of a number', ofOther('Div', 'half'), always('refused')],
    ['of tensors', [node('Exp', ['x'], 'e'), node('Div', ['x', 'x'], 'y')], always('refused')],
  ],
  Erf: [
    [
      'in a GELU',
      [
        node('Div', ['x', 'root2'], 'd'),
        node('Erf', ['d'], 'e'),
        node('Add', ['e', '1'], 'a'),
        node('Mul', ['x', 'a'], 'm'),
        node('Mul', ['m', 'half'], 'y'),
      ],
      { 9: 'read' },
    ],
    ['alone', one('Erf'), { 9: 'refused' }],
  ],
  Exp: [
    [
      'in a sigmoid',
      [node('Neg', ['x'], 'n'), node('Exp', ['n'], 'e'), node('Add', ['e', '1'], 'a'), node('Reciprocal', ['a'], 'y')],
      always('read'),
    ],
    ['alone', one('Exp'), always('refused')],
  ],
  Gather: [
    ['channels', [node('Gather', ['x', '[1]'], 'y', { axis: 1 })], always('read')],
    ['channels in another order', [node('Gather', ['x', '[1,0]'], 'y', { axis: 1 })], always('refused')],
    ['columns', [node('Gather', ['x', '[1]'], 'y', { axis: 3 })], always('refused')],
  ],
  Gelu: [
    ['nothing', one('Gelu'), from(20)],
    ['none', one('Gelu', { approximate: 'none' }), from(20)],
    ['an approximation', one('Gelu', { approximate: 'tanh' }), from(20, 'refused')],
  ],
  HardSigmoid: [
    ['nothing', one('HardSigmoid'), always('read')],
    ['alpha', one('HardSigmoid', { alpha: 0.3, beta: 0.5 }), always('read')],
    ['beta', one('HardSigmoid', { beta: 0.4 }), always('read')],
    [
      'written out behind a convolution that takes a number over',
      [
        node('Conv', ['x', 'filters'], 'c'),
        node('Add', ['c', '3'], 'a'),
        node('Clip', ['a', 'zero', '6'], 'b'),
        node('Div', ['b', '6'], 'y'),
      ],
      from(11),
    ],
  ],
  HardSwish: [
    ['nothing', one('HardSwish'), from(14)],
    [
      'written out with Clip',
      [
        node('Add', ['x', '3'], 'a'),
        node('Clip', ['a'], 'c', { min: { float: 0 }, max: { float: 6 } }),
        node('Mul', ['x', 'c'], 'm'),
        node('Div', ['m', '6'], 'y'),
      ],
      until(11),
    ],
    [
      'written out with inputs',
      [
        node('Add', ['x', '3'], 'a'),
        node('Clip', ['a', 'zero', '6'], 'c'),
        node('Div', ['c', '6'], 'd'),
        node('Mul', ['x', 'd'], 'y'),
      ],
      from(11),
    ],
    [
      'by a HardSigmoid',
      [node('HardSigmoid', ['x'], 'h', { alpha: 1 / 6, beta: 0.5 }), node('Mul', ['x', 'h'], 'y')],
      always('read'),
    ],
    [
      'by another HardSigmoid',
      [node('HardSigmoid', ['x'], 'h', { alpha: 0.2, beta: 0.5 }), node('Mul', ['x', 'h'], 'y')],
      always('read'),
    ],
  ],
  LRN: [
    ['a size', one('LRN', { size: 3 }), always('read')],
    ['numbers', one('LRN', { size: 1, alpha: 0.3, beta: 0.5, bias: { float: 2 } }), always('read')],
    ['no size', one('LRN'), always('broken')],
  ],
  LeakyRelu: [
    ['nothing', one('LeakyRelu'), always('read')],
    ['alpha', one('LeakyRelu', { alpha: 0.3 }), always('read')],
  ],
  LogSoftmax: [['of channels', one('LogSoftmax', { axis: 1 }, 'rows').toSpliced(0, 0, rows), always('refused')]],
  MatMul: [
    ['rows', [rows, node('MatMul', ['rows', 'matrix'], 'y')], always('read')],
    ['a bias', [rows, node('MatMul', ['rows', 'matrix'], 'm'), node('Add', ['m', 'bias3'], 'y')], always('read')],
    [
      'rows of pixels',
      [transpose([0, 2, 3, 1], 'x', 't'), node('Flatten', ['t'], 'rows'), node('MatMul', ['rows', 'matrix'], 'y')],
      always('read'),
    ],
    [
      'channels',
      [
        transpose([0, 2, 3, 1], 'x', 't'),
        node('MatMul', ['t', '2x3'], 'm'),
        node('Add', ['m', 'bias3'], 'a'),
        transpose([0, 3, 1, 2], 'a'),
      ],
      always('read'),
    ],
    ['columns', [node('MatMul', ['x', '5x3'], 'y')], always('refused')],
    ['of other inputs', [node('MatMul', ['x', '2x3'], 'y')], always('broken')],
    ['tensors', [transpose([0, 1, 3, 2], 'x', 't'), node('MatMul', ['x', 't'], 'y')], always('refused')],
  ],
  Max: [
    ['a number', withOther('Max', 'zero'), { 8: 'read' }],
    ['tensors', [node('Relu', ['x'], 'r'), node('Max', ['x', 'r'], 'y')], { 8: 'refused' }],
  ],
  Min: [['a number', ofOther('Min', 'half'), { 8: 'read' }]],
  Neg: [['images', one('Neg'), always('read')]],
  PRelu: [
    ['a slope a channel', withOther('PRelu', 'slopes'), always('read')],
    ['one slope', withOther('PRelu', 'half'), always('read')],
    ['a slope an element', withOther('PRelu', 'elements'), always('refused')],
  ],
  ReduceMax: [
    ['axes', one('ReduceMax', { axes: [2, 3] }), until(18)],
    ['axes as input', withOther('ReduceMax', '[2,3]'), from(18)],
    ['an axis', one('ReduceMax', { axes: [1] }), { 7: 'refused', 18: 'broken' }],
  ],
  Resize: [
    ['nearest of old', resized(['x', 'doubled'], { mode: 'nearest' }), { 10: 'read', 11: 'broken' }],
    ['linear of old', resized(['x', 'doubled'], { mode: 'linear' }), { 10: 'refused', 11: 'broken' }],
    ['nothing', resized(['x', 'empty', 'doubled'], {}), from(11)],
    ['three times', resized(['x', 'empty', 'tripled'], {}), from(11)],
    [
      'asymmetric',
      resized(['x', 'empty', 'doubled'], { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }),
      from(11),
    ],
    [
      'asymmetric, rounded up',
      resized(['x', 'empty', 'doubled'], { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'ceil' }),
      from(11, 'refused'),
    ],
    ['half_pixel, rounded down', resized(['x', 'empty', 'doubled'], { nearest_mode: 'floor' }), from(11, 'refused')],
    ['linear', resized(['x', 'empty', 'doubled'], { mode: 'linear' }), from(11)],
    [
      'linear of corners',
      resized(['x', 'empty', 'doubled'], { mode: 'linear', coordinate_transformation_mode: 'align_corners' }),
      from(11),
    ],
    [
      'pytorch_half_pixel',
      resized(['x', 'empty', 'doubled'], { mode: 'linear', coordinate_transformation_mode: 'pytorch_half_pixel' }),
      from(11),
    ],
    [
      'asymmetric, linear',
      resized(['x', 'empty', 'doubled'], { mode: 'linear', coordinate_transformation_mode: 'asymmetric' }),
      from(11, 'refused'),
    ],
    ['cubic', resized(['x', 'empty', 'doubled'], { mode: 'cubic' }), from(11, 'refused')],
    ['a smaller image', resized(['x', 'empty', 'halved'], {}), from(11, 'refused')],
    ['sizes', resized(['x', '', '', '[2,2,8,10]'], {}), { 13: 'read' }, [tensor('x', [2, 2, 4, 5])]],
    ['sizes of another number of images', resized(['x', '', '', '[2,2,8,10]'], {}), { 13: 'refused' }],
  ],
  Sigmoid: [
    ['images', one('Sigmoid'), always('read')],
    ['times what it is of', [node('Sigmoid', ['x'], 's'), node('Mul', ['s', 'x'], 'y')], always('read')],
  ],
  Slice: [
    ['attributes', one('Slice', { axes: [1], starts: [1], ends: [2] }), until(10)],
    ['inputs', [node('Slice', ['x', '[1]', '[2]', '[1]'], 'y')], from(10)],
    ['a negative start', [node('Slice', ['x', '[-1]', '[2]', '[1]', '[1]'], 'y')], from(10)],
    ['rows', [rows, node('Slice', ['rows', '[1]', '[3]', '[1]'], 'y')], from(10)],
    ['all columns', [node('Slice', ['x', '[0]', '[40]', '[3]'], 's'), node('Relu', ['s'], 'y')], from(10)],
    ['some columns', [node('Slice', ['x', '[1]', '[3]', '[3]'], 'y')], from(10, 'refused')],
    ['steps', [node('Slice', ['rows', '[0]', '[40]', '[1]', '[2]'], 'y')].toSpliced(0, 0, rows), from(10, 'refused')],
  ],
  Split: [
    [
      'in halves',
      [outputs(node('Split', ['x'], '', { axis: 1 }), 'a', 'b'), node('Sub', ['b', 'a'], 'y')],
      { 7: 'read', 18: 'broken' },
    ],
    [
      'sizes as attribute',
      [outputs(node('Split', ['x'], '', { axis: 1, split: [1, 1] }), 'a', 'b'), node('Sub', ['b', 'a'], 'y')],
      until(13),
    ],
    [
      'sizes as input',
      [outputs(node('Split', ['x', '[1,1]'], '', { axis: 1 }), 'a', 'b'), node('Sub', ['b', 'a'], 'y')],
      from(13),
    ],
    [
      'num_outputs',
      [outputs(node('Split', ['x'], '', { axis: 1, num_outputs: 2 }), 'a', 'b'), node('Sub', ['b', 'a'], 'y')],
      from(18),
    ],
    [
      'columns',
      [outputs(node('Split', ['x', '[2,2]'], '', { axis: 2 }), 'a', 'b'), node('Sub', ['b', 'a'], 'y')],
      from(13, 'refused'),
    ],
  ],
  Sum: [
    ['one', one('Sum').concat(node('Relu', ['y'], 'z')), always('read')],
    ['three', [node('Relu', ['x'], 'r'), node('Sum', ['x', 'r', 'x'], 'y')], always('read')],
  ],
  Tanh: [['images', one('Tanh'), always('read')]],
  Transpose: [
    [
      'a shuffle of channels',
      [
        node('Conv', ['x', 'wide'], 'c'),
        node('Reshape', ['c', '[0,3,2,2,3]'], 'split'),
        node('Transpose', ['split'], 'turned', { perm: [0, 2, 1, 3, 4] }),
        node('Reshape', ['turned', '[0,6,2,3]'], 's'),
        node('Relu', ['s'], 'y'),
      ],
      always('read'),
    ],
    [
      'there and back',
      [transpose([0, 3, 2, 1], 'x', 't'), node('Relu', ['t'], 'r'), transpose([0, 3, 2, 1], 'r')],
      always('read'),
    ],
    [
      'a convolution of images on their side',
      [transpose([0, 3, 2, 1], 'x', 't'), node('Conv', ['t', 'filters5'], 'y')],
      always('refused'),
    ],
  ],
  Upsample: [
    ['scales as attribute', one('Upsample', { scales: { floats: [1, 1, 2, 2] } }), { 7: 'read', 9: 'broken' }],
    ['scales as input', withOther('Upsample', 'doubled'), { 9: 'read', 10: 'broken' }],
  ],
};

testVerdicts(table, [
  floats('filters5', [3, 5, 2, 2]),
  floats('wide', [6, 2, 3, 3]),
  floats('bias3', [3]),
  floats('channels3', [3, 1, 1]),
  integers('[0,3,2,2,3]', [0, 3, 2, 2, 3]),
  integers('[0,6,2,3]', [0, 6, 2, 3]),
  integers('[1,0]', [1, 0]),
  integers('[2,2]', [2, 2]),
  integers('[2,2,8,10]', [2, 2, 8, 10]),
  integers('[40]', [40]),
]);
