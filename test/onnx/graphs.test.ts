import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, type TensorProto, TensorProto_DataLocation } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { FormatError, ShapeError, UnsupportedError } from '../../src/errors.js';
import { decodeOnnx, onnxDataFiles } from '../../src/onnx.js';
import { expectError } from '../models/errors.js';
import { networkForward } from '../reference/network.js';
import { uniform } from '../support/random.js';
import { distance } from '../support/rounding.js';
import { floats, integers, type ModelParts, modelOf, node, tensor } from './models.js';
import { runOnnx } from './runtime.js';

const images = uniform(2 * 4 * 5 * 2, 3);
const forward = (file: Uint8Array, options: Parameters<typeof decodeOnnx>[1] = {}) => {
  const { network, values } = decodeOnnx(file, options);
  return networkForward(network, values, images, { training: false }).logits;
};

describe('a cut', () => {
  const branches: ModelParts = {
    nodes: [
      node('Conv', ['x', 'w'], 'stem'),
      node('Relu', ['stem'], 'c3'),
      node('MaxPool', ['c3'], 'c4', { kernel_shape: [2, 2] }),
      node('NonMaxSuppression', ['c4', 'c3'], 'boxes'),
    ],
    constants: [floats('w', [3, 2, 3, 3])],
    outputs: [tensor('c4'), tensor('c3')],
  };
  const file = modelOf(branches);

  it('ends in the tensor that is named, whatever is behind it', () => {
    const { network, outputs } = decodeOnnx(modelOf({ ...branches, outputs: [tensor('boxes')] }), { output: 'c3' });
    expect(network.layers.map(({ name }) => name)).toEqual(['stem', 'c3']);
    expect([...outputs]).toEqual([['c3', 'c3']]);
  });

  it('may be within, where no output is', () =>
    expect(decodeOnnx(file, { output: 'stem' }).network.layers).toHaveLength(1));

  it('of several tensors has the first one last and the others within', () => {
    const { network, outputs } = decodeOnnx(file);
    expect(network.layers.at(-1)!.name).toBe('c4');
    expect([...outputs]).toEqual([
      ['c4', 'c4'],
      ['c3', 'c3'],
    ]);
  });

  it('is refused where the first one is ahead of another, or there is no such tensor', () => {
    expectError(() => decodeOnnx(file, { output: ['c3', 'c4'] }), UnsupportedError, {
      parameter: 'output',
      got: '"c3" first, which "c4" reads',
    });
    expectError(() => decodeOnnx(file, { output: 'none' }), ShapeError, { parameter: 'output', got: '"none"' });
    expectError(() => decodeOnnx(file, { output: 'boxes' }), UnsupportedError, { got: 'NonMaxSuppression' });
    expectError(() => decodeOnnx(file, { output: 'x' }), UnsupportedError, { got: 'the images themselves' });
    expectError(() => decodeOnnx(file, { output: 'w' }), UnsupportedError, { got: 'a constant' });
  });

  it('is put at the logits of a LogSoftmax, as the refusal says', () => {
    const shares = modelOf({
      nodes: [node('Flatten', ['x'], 'rows'), node('LogSoftmax', ['rows'], 'y')],
    });
    expect(() => decodeOnnx(shares)).toThrow('output "rows"');
    expect(decodeOnnx(shares, { output: 'rows' }).network.layers).toMatchObject([{ kind: 'flatten' }]);
  });
});

describe('weights in files beside the model', () => {
  const weights = floats('w', [3, 2, 3, 3]);
  const bytes = new Uint8Array(16 + weights.rawData.length);
  bytes.set(weights.rawData, 16);
  const model = (changes: Partial<TensorProto>) => {
    const parsed = fromBinary(
      ModelProtoSchema,
      modelOf({ nodes: [node('Conv', ['x', 'w'], 'y')], constants: [weights] }),
    );
    Object.assign(parsed.graph!.initializer[0]!, { rawData: new Uint8Array(), ...changes });
    return toBinary(ModelProtoSchema, create(ModelProtoSchema, parsed));
  };
  const at = (entries: Record<string, string>) =>
    model({
      dataLocation: TensorProto_DataLocation.EXTERNAL,
      externalData: Object.entries(entries).map(([key, value]) => ({
        $typeName: 'onnx.StringStringEntryProto',
        key,
        value,
      })),
    });
  const inside = modelOf({ nodes: [node('Conv', ['x', 'w'], 'y')], constants: [weights] });

  it('are named, and read from where they are', () => {
    const file = at({ location: 'weights.bin', offset: '16', length: `${weights.rawData.length}` });
    expect(onnxDataFiles(file)).toEqual(['weights.bin']);
    expect(onnxDataFiles(inside)).toEqual([]);
    expect(forward(file, { files: new Map([['weights.bin', bytes]]) })).toEqual(forward(inside));
  });

  it('may be all of a file', () => {
    const files = new Map([['weights.bin', weights.rawData]]);
    expect(forward(at({ location: 'weights.bin' }), { files })).toEqual(forward(inside));
  });

  it.each([
    [{ location: 'weights.bin', offset: '17', length: `${weights.rawData.length}` }],
    [{ location: 'weights.bin', offset: '-1', length: '4' }],
    [{ location: 'weights.bin', offset: 'none' }],
    [{ location: 'weights.bin', offset: '16', length: '4' }],
  ])('are refused where the file does not hold them: %j', (entries) => {
    const files = new Map([['weights.bin', bytes]]);
    expect(() => decodeOnnx(at(entries), { files })).toThrow(FormatError);
  });

  it('are refused where the file is not given', () =>
    expectError(() => decodeOnnx(at({ location: 'weights.bin' })), UnsupportedError, {
      got: 'data in "weights.bin", which was not given',
    }));
});

describe('images [N, H, W, C]', () => {
  const turned = (perm: readonly number[], input: string, output: string) =>
    node('Transpose', [input], output, { perm });
  const parts: ModelParts = {
    nodes: [
      node('Sub', ['x', 'mean'], 'moved'),
      turned([0, 3, 1, 2], 'moved', 't'),
      node('Conv', ['t', 'w'], 'conv', { auto_pad: 'SAME_UPPER', strides: [2, 2] }),
      turned([0, 2, 3, 1], 'conv', 'back'),
      node('Add', ['back', 'bias'], 'biased'),
      node('Relu', ['biased'], 'relu'),
      turned([0, 3, 1, 2], 'relu', 'again'),
      node('MaxPool', ['again'], 'pool', { kernel_shape: [2, 2] }),
      turned([0, 2, 3, 1], 'pool', 'pixels'),
      node('Reshape', ['pixels', 'rows'], 'flat'),
      node('MatMul', ['flat', 'matrix'], 'product'),
      node('Add', ['product', 'last'], 'y'),
    ],
    constants: [
      floats('mean', [2]),
      floats('w', [3, 2, 3, 3]),
      floats('bias', [3]),
      integers('rows', [-1, 6]),
      floats('matrix', [6, 4]),
      floats('last', [4]),
    ],
    inputs: [tensor('x', ['N', 4, 5, 2])],
    outputs: [tensor('y', ['N', 4])],
    opset: 15,
  };

  it('are what ONNX Runtime makes of them, as Keras exports networks', async () => {
    const file = modelOf(parts);
    const { network, values } = decodeOnnx(file);
    expect(network.input).toEqual({ height: 4, width: 5, channels: 2 });
    expect(network.layers.map(({ kind }) => kind)).toEqual(['affine', 'convolution', 'relu', 'maxPool', 'dense']);
    // To the helper the height is the channels, the width the height and the channels the width.
    const expected = await runOnnx(file, { height: 5, width: 2, channels: 4 }, turnedRound(images));
    const { logits } = networkForward(network, values, images, { training: false });
    expect(distance(logits, expected.values)).toBeLessThan(1e-5);
  });

  /** Images that the helper turns into what they were. */
  function turnedRound(given: Float32Array): Float32Array {
    const result = new Float32Array(given.length);
    for (let image = 0; image < 2; image++)
      for (let row = 0; row < 4; row++)
        for (let column = 0; column < 5; column++)
          for (let channel = 0; channel < 2; channel++) {
            const from = ((image * 4 + row) * 5 + column) * 2 + channel;
            result[((image * 5 + column) * 2 + channel) * 4 + row] = given[from]!;
          }
    return result;
  }
});

describe('shape arithmetic', () => {
  const list = (name: string, ...values: number[]) => integers(name, values);
  const constants = [
    floats('w', [4, 2, 1, 1]),
    list('0', 0),
    list('1', 1),
    list('2', 2),
    list('4', 4),
    list('-1', -1),
    list('big', 2 ** 40),
    floats('twice', [2], { values: [2, 2] }),
    floats('empty', [0]),
    { ...list('one', 1), dims: [] },
  ];

  it('doubles an image by its own size', async () => {
    const file = modelOf({
      nodes: [
        node('Conv', ['x', 'w'], 'conv'),
        node('Shape', ['conv'], 'shape'),
        node('Slice', ['shape', '2', '4'], 'pixels'),
        node('Cast', ['pixels'], 'floats', { to: 1 }),
        node('Mul', ['floats', 'twice'], 'more'),
        node('Floor', ['more'], 'whole'),
        node('Cast', ['whole'], 'sizes', { to: 7 }),
        node('Slice', ['shape', '0', '2'], 'kept'),
        node('Concat', ['kept', 'sizes'], 'target', { axis: 0 }),
        node('Resize', ['conv', 'empty', 'empty', 'target'], 'y', { mode: 'linear' }),
      ],
      constants,
    });
    const { network, values } = decodeOnnx(file);
    expect(network.layers).toMatchObject([{ kind: 'convolution' }, { kind: 'upsample', factor: [2, 2] }]);
    const { logits } = networkForward(network, values, images, { training: false });
    const expected = await runOnnx(file, network.input, images);
    expect(distance(logits, expected.values)).toBeLessThan(1e-5);
  });

  it('goes on where the number of images changes nothing, and is refused where it does', () => {
    const view = (...between: ReturnType<typeof node>[]) =>
      modelOf({
        nodes: [
          node('Shape', ['x'], 'shape'),
          node('Gather', ['shape', 'zeroth'], 'count'),
          ...between,
          node('Concat', ['first', '-1'], 'target', { axis: 0 }),
          node('Reshape', ['x', 'target'], 'rows'),
          node('Relu', ['rows'], 'y'),
        ],
        constants: [...constants, { ...list('zeroth', 0), dims: [] }],
      });
    const unsqueeze = (input: string) => node('Unsqueeze', [input, '0'], 'first');
    expect(decodeOnnx(view(node('Mul', ['count', 'one'], 'same'), unsqueeze('same'))).network.layers).toHaveLength(2);
    expectError(() => decodeOnnx(view(node('Add', ['count', 'one'], 'more'), unsqueeze('more'))), UnsupportedError, {
      parameter: 'file.onnx, node "more" (Add)',
      got: 'the number of images',
    });
  });

  it.each([
    ['a list of any length', [node('ConstantOfShape', ['big'], 'y')]],
    ['a constant repeated', [node('Tile', ['1', 'big'], 'y')]],
    ['a constant spread', [node('Expand', ['w', 'big'], 'y')]],
    [
      'constants that double',
      Array.from({ length: 40 }, (_, i) =>
        node('Concat', [`c${i}`, `c${i}`], i === 39 ? 'y' : `c${i + 1}`, { axis: 0 }),
      ),
    ],
  ])('is refused: %s', (_, nodes) => {
    const file = modelOf({ nodes, constants: [...constants, floats('c0', [1000])], outputs: [tensor('y')] });
    expect(() => decodeOnnx(file)).toThrow(UnsupportedError);
  });
});

describe('version 6', () => {
  /** What the first version of operators says by attributes, later ones say by shapes. */
  const old: ModelParts = {
    nodes: [
      node('Conv', ['x', 'w'], 'conv'),
      node('BatchNormalization', ['conv', 's', 's', 's', 's'], 'norm', { is_test: 1, epsilon: 0.01 }),
      node('Add', ['norm', 's'], 'sum', { broadcast: 1, axis: 1 }),
      node('PRelu', ['sum', 's'], 'prelu'),
      node('Dropout', ['prelu'], 'dropped', { is_test: 1, ratio: 0.3 }),
      node('Mul', ['dropped', 'columns'], 'y', { broadcast: 1 }),
    ],
    constants: [floats('w', [3, 2, 3, 3]), floats('s', [3]), floats('columns', [1])],
    opset: 6,
  };
  const today: ModelParts = {
    nodes: [
      node('Conv', ['x', 'w'], 'conv'),
      node('BatchNormalization', ['conv', 's', 's', 's', 's'], 'norm', { epsilon: 0.01 }),
      node('Add', ['norm', 's3'], 'sum'),
      node('PRelu', ['sum', 's3'], 'prelu'),
      node('Mul', ['prelu', 'columns'], 'y'),
    ],
    constants: [...old.constants!, floats('s3', [3, 1, 1])],
  };

  it('is the network of later versions', () => expect(forward(modelOf(old))).toEqual(forward(modelOf(today))));

  it.each([
    ['BatchNormalization', ['x', 's', 's', 's', 's'], 'is_test'],
    ['Dropout', ['x'], 'is_test'],
  ])('is refused in training: %s', (operator, inputs, attribute) => {
    const file = modelOf({
      nodes: [node(operator, inputs, 'd'), node('Relu', ['d'], 'y')],
      constants: [floats('s', [2])],
      opset: 6,
    });
    expectError(() => decodeOnnx(file), UnsupportedError, {
      parameter: `file.onnx, node "d" (${operator}), ${attribute}`,
    });
  });

  it('repeats nothing where it is not told', () => {
    const file = modelOf({ nodes: [node('Add', ['x', 's'], 'y')], constants: [floats('s', [2])], opset: 6 });
    expect(() => decodeOnnx(file)).toThrow(FormatError);
  });
});
