import { readFileSync } from 'node:fs';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import {
  AttributeProto_AttributeType,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { FormatError, ShapeError, UnsupportedError } from '../../src/errors.js';
import { decodeOnnx } from '../../src/onnx.js';
import { expectError } from '../models/errors.js';
import { floats, integers, type ModelParts, modelOf, node, tensor } from './models.js';
import { mutateModel } from './mutations.js';

const decode = (parts: ModelParts) => decodeOnnx(modelOf(parts), { name: 'net.onnx' });
const conv = (attributes: Parameters<typeof node>[3] = {}) => node('Conv', ['x', 'w'], 'y', attributes);
const weights = floats('w', [3, 2, 3, 3]);
const norm = node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], 'y');
const normConstants = (variance: readonly number[]) => [
  floats('s', [2]),
  floats('b', [2]),
  floats('m', [2]),
  floats('v', [2], { values: variance }),
];

describe('an unknown operator', () => {
  it('is refused by its name and node', () =>
    expectError(() => decode({ nodes: [node('Relu', ['x'], 'h'), node('Selu', ['h'], 'y')] }), UnsupportedError, {
      operation: 'decodeOnnx',
      parameter: 'net.onnx, node "y" (Selu)',
      got: 'Selu',
    }));

  it('is refused by its place where it has no name', () => {
    const nameless = { ...node('Selu', ['h'], 'y'), name: '' };
    expectError(() => decode({ nodes: [node('Relu', ['x'], 'h'), nameless] }), UnsupportedError, {
      parameter: 'net.onnx, node 1 (Selu)',
    });
  });

  it('is refused with its domain', () =>
    expectError(() => decode({ nodes: [node('Relu', ['x'], 'y', {}, 'com.microsoft')] }), UnsupportedError, {
      got: 'com.microsoft.Relu',
    }));

  it.each(['constructor', '__proto__', 'toString', 'If'])('is refused where it is called %s', (name) =>
    expectError(() => decode({ nodes: [node(name, ['x'], 'y')] }), UnsupportedError, { got: name }));

  it('does no harm where nothing needs it', () => {
    const { network } = decode({ nodes: [node('Selu', ['x'], 'h'), node('Relu', ['x'], 'y')] });
    expect(network.layers).toEqual([{ kind: 'relu', name: 'y', inputs: ['input'] }]);
  });
});

describe('what no layer does', () => {
  it.each([
    ['a norm of the batch', { ...norm, attribute: node('', [], '', { training_mode: 1 }).attribute }, '1'],
    ['dilated pools', node('MaxPool', ['x'], 'y', { kernel_shape: [2, 2], dilations: [2, 2] }), '[2,2]'],
    ['a mean of channels', node('ReduceMean', ['x'], 'y', { axes: [1] }), '[1]'],
    ['a mean of everything', node('ReduceMean', ['x'], 'y'), 'all'],
    ['other axes', node('Concat', ['x', 'x'], 'y', { axis: 2 }), '2'],
    ['rows of several images', node('Flatten', ['x'], 'y', { axis: 2 }), '2'],
    ['a softmax of columns', node('Softmax', ['x'], 'y'), 'axis -1'],
    ['a sum with a constant of every element', node('Add', ['x', 'pixels'], 'y'), 'a constant [2,4,5]'],
    ['a quotient of a constant', node('Div', ['high', 'x'], 'y'), 'depends on the images'],
    ['a quotient of tensors', node('Div', ['x', 'x'], 'y'), 'depends on the images'],
    ['an exponential', node('Exp', ['x'], 'y'), 'a part of an activation'],
    ['logarithms of shares', node('LogSoftmax', ['x'], 'y', { axis: 1 }), 'output "x"'],
    ['steps over channels', node('Slice', ['x', '0', '2', '1', '2'], 'y'), '2'],
    ['some pixels', node('Slice', ['x', '0', '2', '2'], 'y'), '2 of [batch, 2, 4, 5]'],
    ['pixels that are split', node('Split', ['x'], 'y', { axis: 2 }), '2 of [batch, 2, 4, 5]'],
    ['a smaller image', node('Resize', ['x', '', 'halves'], 'y'), '[1,1,0.5,0.5]'],
    ['cubic enlargements', node('Resize', ['x', '', 'doubles'], 'y', { mode: 'cubic' }), 'cubic'],
    [
      'points that are none of ours',
      node('Resize', ['x', '', 'doubles'], 'y', { mode: 'linear', coordinate_transformation_mode: 'asymmetric' }),
      'asymmetric at factors [2,2]',
    ],
    ['no slope', node('HardSigmoid', ['x'], 'y', { alpha: { float: 0 }, beta: 0.4 }), '0'],
    ['an approximation', node('Tanh', ['x'], 'y', { approximate: 'tanh' }, 'com.microsoft'), 'com.microsoft.Tanh'],
    ['neighbourhoods of even sizes', node('LRN', ['x'], 'y', { size: 2 }), '2'],
    ['products with a tensor', node('MatMul', ['x', 'x'], 'y'), 'computed'],
    ['columns times a matrix', node('MatMul', ['x', 'columns'], 'y'), '[batch, 2, 4, 5], which is [N, C, H, W]'],
    ['halves of floats', node('Cast', ['x'], 'y', { to: 10 }), 'FLOAT16'],
    ['computed filters', node('Conv', ['x', 'x'], 'y'), 'computed'],
    ['other shapes', node('Reshape', ['x', 'shape'], 'y'), '[batch, 4, 2, 5], which is [N, C H, H, W]'],
    ['images that are mixed', node('Reshape', ['x', 'mixed'], 'y'), '[5, -1]'],
  ])('is refused: %s', (_, given, got) => {
    const constants = [
      weights,
      ...normConstants([1, 1]),
      floats('high', [], { values: [1] }),
      floats('pixels', [2, 4, 5]),
      floats('columns', [5, 3]),
      floats('halves', [4], { values: [1, 1, 0.5, 0.5] }),
      floats('doubles', [4], { values: [1, 1, 2, 2] }),
      integers('0', [0]),
      integers('1', [1]),
      integers('2', [2]),
      integers('shape', [0, 4, 2, 5]),
      integers('mixed', [5, -1]),
    ];
    expect(() => decode({ nodes: [given], constants })).toThrow(UnsupportedError);
    expect(() => decode({ nodes: [given], constants })).toThrow(got);
  });

  it.each([
    ['of channels', [0, 1, 0, 0, 0, 1, 0, 0], '[0,1,0,0,0,1,0,0]'],
    ['by less', [0, 0, -1, -1, 0, 0, -1, -1], '-1'],
  ])('is refused: a Pad %s', (_, pads, got) => {
    const nodes = [node('Pad', ['x', 'pads'], 'padded'), node('Conv', ['padded', 'w'], 'y')];
    expect(() => decode({ nodes, constants: [integers('pads', pads), weights] })).toThrow(UnsupportedError);
    expect(() => decode({ nodes, constants: [integers('pads', pads), weights] })).toThrow(got);
  });

  it('is refused: a Pad that nothing takes over', () => {
    const pad = node('Pad', ['x', 'pads'], 'padded');
    const constants = [integers('pads', [0, 0, 1, 1, 0, 0, 1, 1]), weights];
    for (const reader of [node('Relu', ['padded'], 'y'), node('MaxPool', ['padded'], 'y', { kernel_shape: [2, 2] })]) {
      expect(() => decode({ nodes: [pad, reader], constants })).toThrow(/\((Relu|MaxPool)\).*Pad/);
    }
    expect(() => decode({ nodes: [node('Pad', ['x', 'pads'], 'y')], constants })).toThrow(UnsupportedError);
  });

  it('is refused: a softmax that is not the last', () =>
    expectError(
      () => decode({ nodes: [node('Softmax', ['x'], 'soft', { axis: 1 }), node('Relu', ['soft'], 'y')] }),
      UnsupportedError,
      { parameter: 'net.onnx, node "soft" (Softmax)' },
    ));

  it('is refused: several inputs or outputs, and an open size', () => {
    const nodes = [node('Relu', ['x'], 'y')];
    const x = tensor('x', ['N', 2, 4, 5]);
    const open = [tensor('x', ['N', 2, 'H', 'W'])];
    for (const parts of [
      { inputs: [x, tensor('z', [1])] },
      { outputs: [tensor('y', []), tensor('x', [])] },
      { inputs: open },
    ]) {
      expect(() => decode({ nodes, ...parts })).toThrow(UnsupportedError);
    }
    const model = modelOf({ nodes, inputs: open });
    expect(decodeOnnx(model, { input: { height: 7, width: 6 } }).network.input).toEqual({
      height: 7,
      width: 6,
      channels: 2,
    });
  });

  it.each([5, 26, 2 ** 40])('is refused: version %d of the operators', (opset) => {
    expect(() => decode({ nodes: [node('Relu', ['x'], 'y')], opset })).toThrow(UnsupportedError);
  });
});

describe('a sound file of what is not read', () => {
  const { BFLOAT16, DOUBLE, FLOAT16, INT8, INT64, STRING, UINT8 } = TensorProto_DataType;
  const nodes = [node('Relu', ['x'], 'y')];

  it.each([FLOAT16, BFLOAT16, DOUBLE, INT64, UINT8, STRING])('is not called broken: images of type %i', (type) =>
    expectError(() => decode({ nodes, inputs: [tensor('x', [1, 2, 4, 5], type)] }), UnsupportedError, {
      parameter: 'net.onnx, graph input "x"',
      expected: 'FLOAT',
      got: TensorProto_DataType[type]!,
    }));

  it.each([
    [[], '0: []'],
    [['N', 4], '2: [?,4]'],
    [['N', 2, 4], '3: [?,2,4]'],
    [[1, 2, 4, 5, 6], '5: [1,2,4,5,6]'],
    [undefined, 'none'],
  ])('is not called broken: images of sizes %j', (sizes, got) =>
    expectError(() => decode({ nodes, inputs: [tensor('x', sizes)] }), UnsupportedError, {
      expected: 'four sizes, [N, C, H, W]',
      got,
    }));

  it.each([
    [['N', 2, 0, 5], 'height', '0'],
    [['N', 2, 4, -1], 'width', 'none'],
    [['N', 'C', 4, 5], 'channels', 'none'],
  ])('is not called broken: images of sizes %j', (sizes, what, got) =>
    expectError(() => decode({ nodes, inputs: [tensor('x', sizes)] }), UnsupportedError, {
      parameter: `net.onnx, graph input "x", ${what}`,
      got,
    }));

  it.each(['sequenceType', 'optionalType', 'mapType'] as const)('is not called broken: an input of %s', (kind) => {
    const value = { case: kind, value: {} } as NonNullable<MessageInitShape<typeof TypeProtoSchema>['value']>;
    const input = create(ValueInfoProtoSchema, { name: 'x', type: { value } });
    expectError(() => decode({ nodes, inputs: [input] }), UnsupportedError, { got: kind });
  });

  it('is not called broken: a model of ai.onnx.ml', () => {
    const tree = node('TreeEnsembleClassifier', ['x'], 'y', {}, 'ai.onnx.ml');
    expectError(() => decode({ nodes: [tree] }), UnsupportedError, { got: 'ai.onnx.ml.TreeEnsembleClassifier' });
    const opsetImport = [{ domain: 'ai.onnx.ml', version: 3n }];
    const model = create(ModelProtoSchema, { irVersion: 8n, opsetImport, graph: { node: [tree] } });
    expectError(() => decodeOnnx(toBinary(ModelProtoSchema, model), { name: 'trees.onnx' }), UnsupportedError, {
      parameter: 'trees.onnx, version of the standard operators',
      got: 'none, but "ai.onnx.ml"',
    });
  });

  it('is not called broken: standard operators that the file defines anew', () => {
    const functions = [{ name: 'Relu', domain: '' }];
    const model = create(ModelProtoSchema, { irVersion: 8n, opsetImport: [{ version: 17n }], functions, graph: {} });
    expectError(() => decodeOnnx(toBinary(ModelProtoSchema, model)), UnsupportedError, { got: '"Relu"' });
  });

  it.each([
    [
      'in another file',
      { dataLocation: TensorProto_DataLocation.EXTERNAL },
      'data in another file, which was not given',
    ],
    [
      'in another file by its place',
      { externalData: [{ key: 'location', value: '/etc/passwd' }] },
      'data in "/etc/passwd", which was not given',
    ],
    ['of bytes', { dataType: INT8 }, 'INT8'],
    ['of texts', { dataType: STRING }, 'STRING'],
    ['of halves of bytes', { dataType: TensorProto_DataType.FLOAT4E2M1 }, 'FLOAT4E2M1'],
    ['of no elements', { dims: [0n, 2n, 3n, 3n], rawData: new Uint8Array() }, '[0,2,3,3]'],
  ])('is not called broken: weights %s', (_, changes, got) =>
    expectError(() => decode({ nodes: [conv()], constants: [floats('w', [3, 2, 3, 3], changes)] }), UnsupportedError, {
      parameter: expect.stringContaining('tensor "w"'),
      got,
    }));

  it('is not called broken: a second output where the first is left out', () => {
    const lstm = { ...node('LSTM', ['x', 'w', 'w'], ''), output: ['', 'h'] };
    const given = { nodes: [lstm, node('Relu', ['h'], 'y')], constants: [weights] };
    expectError(() => decode(given), UnsupportedError, { got: 'LSTM' });
  });
});

it.each(['net.onnx', new ArrayBuffer(8), undefined, null, [8, 1]])('refuses what is no bytes: %o', (given) =>
  expectError(() => decodeOnnx(given as unknown as Uint8Array), ShapeError, {
    parameter: 'bytes',
    expected: 'a Uint8Array',
  }));

describe('a size of images that the caller asks for', () => {
  const rows = [node('Flatten', ['x'], 'r'), node('Gemm', ['r', 'm'], 'y')];
  const misfits: readonly (readonly [string, ModelParts])[] = [
    ['a matrix', { nodes: rows, constants: [floats('m', [40, 3])] }],
    ['a shape', { nodes: [node('Reshape', ['x', 's'], 'y')], constants: [integers('s', [0, 40])] }],
    [
      'a pixel',
      {
        nodes: [node('Squeeze', ['x', 'axes'], 'y')],
        constants: [integers('axes', [2, 3])],
        inputs: [tensor('x', ['N', 2, 1, 1])],
      },
    ],
    ['windows', { nodes: [node('Conv', ['x', 'w'], 'y')], constants: [floats('w', [3, 2, 4, 4])] }],
    ['windows of a pool', { nodes: [node('MaxPool', ['x'], 'y', { kernel_shape: [4, 4] })] }],
  ];

  it.each(misfits)('is a ShapeError, not a broken file, where it does not fit %s', (_, parts) => {
    const file = modelOf(parts);
    expectError(() => decodeOnnx(file, { input: { height: 3, width: 5 } }), ShapeError, { operation: 'decodeOnnx' });
  });

  it.each([0, -1, 1.5, Number.NaN])('is refused: %d', (height) =>
    expectError(() => decodeOnnx(modelOf({ nodes: rows }), { input: { height, width: 5 } }), ShapeError, {
      parameter: 'input.height',
      got: `${height}`,
    }));
});

describe('a file that contradicts itself', () => {
  const { INT64, FLOAT16 } = TensorProto_DataType;
  const refuses = (parts: ModelParts, parameter: string, got: string | RegExp) => {
    expectError(() => decode(parts), FormatError, { operation: 'decodeOnnx', parameter });
    expect(() => decode(parts)).toThrow(got);
  };

  it.each([
    ['integers', { dataType: INT64, rawData: new Uint8Array(54 * 8) }, 'I64'],
    ['a type that there is not', { dataType: 99 }, '99'],
    ['no type', { dataType: TensorProto_DataType.UNDEFINED }, 'UNDEFINED'],
    ['too little data', { rawData: new Uint8Array(53 * 4) }, '53'],
    ['too much data', { dataType: FLOAT16 }, '108'],
    ['no data', { rawData: new Uint8Array() }, '0'],
    ['negative sizes', { dims: [-3n, -2n, 3n, 3n] }, '[-3,-2,3,3]'],
    ['sizes that overflow', { dims: [2n ** 40n, 2n ** 40n, 3n, 3n] }, '1099511627776'],
    ['what is not finite', { values: [...Array(53).fill(0), Number.NaN] }, 'NaN'],
  ])('is refused: weights of %s', (_, changes, got) =>
    refuses(
      { nodes: [conv()], constants: [floats('w', [3, 2, 3, 3], changes)] },
      expect.stringContaining('tensor "w"'),
      got,
    ));

  it.each([
    ['other channels', [floats('w', [3, 1, 3, 3])], conv(), '1 channels'],
    ['an attribute that the operator does not have', [weights], conv({ rounding: 1 }), 'rounding'],
    ['an attribute of another version', [weights], node('Clip', ['x'], 'y', { min: { float: 0 } }), 'min'],
    [
      'an attribute twice',
      [weights],
      { ...conv(), attribute: [conv({ group: 1 }), conv({ group: 2 })].flatMap((n) => n.attribute) },
      'again',
    ],
    ['several values of a Constant', [], node('Constant', [], 'y', { value_int: 1, value_float: 0.5 }), '2'],
    ['windows larger than the image', [floats('w', [1, 2, 9, 9])], conv(), 'y'],
    ['groups that do not divide', [weights], conv({ group: 0 }), '2 channels'],
    ['other windows', [weights], conv({ kernel_shape: [1, 1] }), '[1,1]'],
    ['strides of none', [weights], conv({ strides: [0, 1] }), '[0,1]'],
    ['strides of one axis', [weights], conv({ strides: [1] }), '[1]'],
    ['negative padding', [weights], conv({ pads: [-1, -1, -1, -1] }), '[-1'],
    ['an attribute of another type', [weights], conv({ strides: 1 }), 'INT'],
    ['negative variances', normConstants([1, -1]), norm, '-1'],
    ['statistics of other channels', [...normConstants([1, 1]).slice(0, 3), floats('v', [1])], norm, '[1]'],
    ['a matrix of other inputs', [weights], node('Gemm', ['x', 'w'], 'y'), '[3,2,3,3]'],
    ['another number of elements', [integers('s', [0, 41])], node('Reshape', ['x', 's'], 'y'), '40 elements an image'],
    ['too many inputs', [weights], node('Relu', ['x', 'w'], 'y'), '2'],
    ['too few inputs', [], node('Relu', [], 'y'), 'none'],
  ])('is refused: %s', (_, constants, given, got) => {
    expect(() => decode({ nodes: [given], constants })).toThrow(FormatError);
    expect(() => decode({ nodes: [given], constants })).toThrow(got);
  });

  it('is refused: a cycle, an input from nowhere, an output from nowhere, a tensor twice', () => {
    const cycle = [node('Add', ['x', 'b'], 'a'), node('Relu', ['a'], 'b'), node('Relu', ['b'], 'y')];
    refuses({ nodes: cycle }, 'net.onnx, node "a" (Add)', '"b"');
    refuses({ nodes: [node('Relu', ['y'], 'y')] }, 'net.onnx, node "y" (Relu)', '"y"');
    refuses({ nodes: [node('Relu', ['h'], 'y')] }, 'net.onnx, node "y" (Relu)', '"h"');
    refuses({ nodes: [node('Relu', ['x'], 'h')] }, 'net.onnx, graph output "y"', '"y"');
    refuses({ nodes: [node('Relu', ['x'], 'y'), node('Relu', ['y'], 'x')] }, 'net.onnx, node "x" (Relu)', '"x" again');
    refuses({ nodes: [conv()], constants: [weights, weights] }, 'net.onnx', '"w" again');
  });

  it('is refused: sizes as tables', () => {
    const table = [node('Shape', ['x'], 's'), node('Unsqueeze', ['s', 'axes'], 't'), node('Reshape', ['x', 't'], 'y')];
    refuses({ nodes: table, constants: [integers('axes', [0])] }, 'net.onnx, node "y" (Reshape), input 1', '[1,4]');
  });

  it('is refused: an input of a type that there is not, or of none', () => {
    const nodes = [node('Relu', ['x'], 'y')];
    for (const type of [TensorProto_DataType.UNDEFINED, 77]) {
      expect(() => decode({ nodes, inputs: [tensor('x', [1, 2, 4, 5], type)] })).toThrow(FormatError);
    }
    expect(() => decode({ nodes, inputs: [create(ValueInfoProtoSchema, { name: 'x' })] })).toThrow(FormatError);
  });

  it('is refused: tensors without a name', () => {
    const nodes = [node('Mul', ['x'], 'm'), node('Relu', ['m'], 'y')];
    refuses({ nodes, constants: [floats('', [2, 1, 1])] }, 'net.onnx, tensor', 'none');
    refuses(
      { nodes: [node('Relu', [''], 'y')], inputs: [tensor('', [1, 2, 4, 5])] },
      'net.onnx, graph input ""',
      'none',
    );
  });

  it('is refused: no version of the operators, or two', () => {
    const model = (opsetImport: { domain?: string; version: bigint }[], irVersion = 8n) =>
      toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion, opsetImport, graph: {} }));
    expect(() => decodeOnnx(model([]))).toThrow(FormatError);
    expect(() => decodeOnnx(model([{ version: 17n }, { domain: 'ai.onnx', version: 17n }]))).toThrow(FormatError);
    expect(() => decodeOnnx(model([], 2n))).toThrow(UnsupportedError);
  });

  it('is refused: metadata that do not fit', () => {
    const graph = { node: [node('Relu', ['x'], 'y')], input: [tensor('x', [1, 2, 1, 1])], output: [tensor('y', [])] };
    const model = (key: string, value: string) =>
      toBinary(
        ModelProtoSchema,
        create(ModelProtoSchema, { opsetImport: [{ version: 17n }], graph, metadataProps: [{ key, value }] }),
      );
    expect(decodeOnnx(model('other', '{')).network.layers).toHaveLength(1);
    for (const value of [
      '',
      '{',
      'null',
      '3',
      '{}',
      '{"mean":[0,0],"deviation":[1,0]}',
      '{"mean":[0],"deviation":[1]}',
    ]) {
      expect(() => decodeOnnx(model('ic-networks.normalisation', value)), value).toThrow(FormatError);
    }
    for (const value of ['{', 'null', '"ab"', '[1]', '["a","b","c"]']) {
      expect(() => decodeOnnx(model('ic-networks.class_names', value)), value).toThrow(FormatError);
    }
  });
});

describe('a hostile file', () => {
  const sound = readFileSync(new URL('../golden/onnx/mobile.onnx', import.meta.url));

  it('is refused cut off anywhere', () => {
    for (let length = 0; length < sound.length; length++) {
      expect(() => decodeOnnx(sound.subarray(0, length)), `${length} bytes`).toThrow(FormatError);
    }
  });

  it.each([
    ['a length beyond the file', [0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['a length of ten bytes', [0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['a length that does not end', [0x3a, ...Array(40).fill(0xff)]],
    ['a field of number 0', [0x02, 0x00]],
    ['a wire type that there is not', [0x3f, 0x00]],
    ['groups in groups', Array(100_000).fill(0x0b)],
    ['an empty graph', [0x3a, 0x00]],
    ['text', [...new TextEncoder().encode('not a model at all')]],
    ['nothing', []],
  ])('is refused: %s', (_, bytes) => {
    expect(() => decodeOnnx(Uint8Array.from(bytes))).toThrow(FormatError);
  });

  it('is refused: graphs in graphs in graphs', () => {
    let graph = new Uint8Array();
    const field = (number: number, content: Uint8Array): Uint8Array<ArrayBuffer> => {
      const { length } = content;
      return Uint8Array.from([
        (number << 3) | 2,
        (length & 127) | 128,
        ((length >> 7) & 127) | 128,
        length >> 14,
        ...content,
      ]);
    };
    // A graph's node (1) has an attribute (5) that holds a graph (6).
    for (let depth = 0; depth < 1000; depth++) graph = field(1, field(5, field(6, graph)));
    expect(() => decodeOnnx(field(7, graph))).toThrow(FormatError);
  });

  it('is refused: lists that double', () => {
    const sizes = (index: number): string => `sizes${index}`;
    const doubling = Array.from({ length: 60 }, (_, i) =>
      node('Concat', [sizes(i), sizes(i)], sizes(i + 1), { axis: 0 }),
    );
    const nodes = [node('Shape', ['x'], sizes(0)), ...doubling, node('Reshape', ['x', sizes(60)], 'y')];
    expect(() => decode({ nodes })).toThrow(UnsupportedError);
  });

  it('is refused: channels that double', () => {
    const name = (index: number): string => (index === 60 ? 'y' : `x${index === 0 ? '' : index}`);
    const nodes = Array.from({ length: 60 }, (_, i) => node('Concat', [name(i), name(i)], name(i + 1), { axis: 1 }));
    expect(() => decode({ nodes })).toThrow(UnsupportedError);
  });

  it('reads names of any kind', () => {
    const names = Array.from({ length: 300 }, (_, i) => ({
      ...node('Relu', [i === 0 ? 'x' : `t${i}`], `t${i + 1}`),
      name: 'input',
    }));
    const nodes = [...names, { ...node('Relu', ['t300'], 'y'), name: '__proto__' }];
    const { network } = decode({ nodes });
    expect(new Set(network.layers.map((layer) => layer.name)).size).toBe(301);
  });

  it('ends in a network or a refusal wherever bytes are changed', () => {
    const outcomes = { networks: 0, refusals: 0 };
    const change = fc.tuple(fc.nat(sound.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Uint8Array.from(sound);
        for (const [position, value] of changes) bytes[position] = value;
        try {
          decodeOnnx(bytes);
          outcomes.networks++;
        } catch (error) {
          if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
          outcomes.refusals++;
        }
      }),
      { numRuns: 2000 },
    );
    expect(outcomes.networks).toBeGreaterThan(100);
    expect(outcomes.refusals).toBeGreaterThan(100);
  });

  it('ends in a network or a refusal wherever names, numbers and nodes are exchanged', () => {
    const outcomes = { networks: 0, refusals: 0 };
    const files = ['mobile', 'dense', 'ic_grouped'].map((name) =>
      readFileSync(new URL(`../golden/onnx/${name}.onnx`, import.meta.url)),
    );
    const seeds = fc.array(fc.integer(), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.constantFrom(...files), seeds, (file, given) => {
        const model = fromBinary(ModelProtoSchema, file);
        for (const seed of given) mutateModel(model, seed);
        try {
          decodeOnnx(toBinary(ModelProtoSchema, model));
          outcomes.networks++;
        } catch (error) {
          if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
          outcomes.refusals++;
        }
      }),
      { numRuns: 1000 },
    );
    expect(outcomes.networks).toBeGreaterThan(50);
    expect(outcomes.refusals).toBeGreaterThan(50);
  });

  it('says in the error which attribute it is', () => {
    const wrong = conv({ strides: [1, 1] });
    wrong.attribute[0]!.type = AttributeProto_AttributeType.GRAPHS;
    expectError(() => decode({ nodes: [wrong], constants: [weights] }), FormatError, {
      parameter: 'net.onnx, node "y" (Conv), strides',
      got: 'GRAPHS',
    });
  });
});
