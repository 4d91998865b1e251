import { create } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from 'onnx-buf';
import { mix32 } from '../support/random.js';

/** Numbers that sizes and axes break on. */
const numbers = [0n, 1n, -1n, 2n, 3n, 4n, -4n, 5n, 7n, 1n << 31n, 1n << 53n, (1n << 63n) - 1n, -(1n << 63n)];
const operators =
  'Add AveragePool BatchNormalization Clip Concat Constant Conv Dropout Flatten Gather Gemm GlobalAveragePool Identity LSTM MaxPool Mul Pad ReduceMean ReduceSum Relu Reshape Shape Softmax Squeeze Sub Unsqueeze';
const attributes =
  'alpha auto_pad axes axis ceil_mode count_include_pad dilations epsilon group keepdims kernel_shape max min mode momentum pads strides training_mode transA transB value value_float value_int value_ints';

/** Changes one thing of a model that protobuf still reads: what no change of single bytes comes upon. */
export function mutateModel(model: ModelProto, seed: number): void {
  let drawn = 0;
  const random = (): number => mix32(drawn++, seed) / 2 ** 32;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const graph = model.graph!;
  const names = ['', ...namesOf(graph)];
  const node = pick(graph.node);
  const tensor = pick(graph.initializer);
  const changes: readonly (() => void)[] = [
    () => replace(node.input, names),
    () => replace(node.output, names),
    () => {
      node.input.splice(Math.floor(random() * (node.input.length + 1)), Math.floor(random() * 2), pick(names));
    },
    () => {
      node.input.pop();
    },
    () => {
      node.output.push(pick(names));
    },
    () => {
      node.opType = pick(operators.split(' '));
    },
    () => {
      node.attribute.push(attributeOf(pick(attributes.split(' '))));
    },
    () => {
      node.attribute.pop();
    },
    () => changeAttribute(node),
    () => changeTensor(tensor),
    () => {
      tensor.name = pick(names);
    },
    () => {
      pick([...graph.input, ...graph.output]).name = pick(names);
    },
    () => {
      graph.node.splice(Math.floor(random() * graph.node.length), 1);
    },
    () => {
      graph.node.splice(Math.floor(random() * graph.node.length), 0, structuredClone(node));
    },
    () => {
      model.opsetImport[0]!.version = BigInt(Math.floor(random() * 27));
    },
    () => {
      const [input] = graph.input;
      const type = input?.type?.value;
      if (type?.case === 'tensorType') type.value.elemType = Math.floor(random() * 25);
    },
  ];
  pick(changes)();

  function replace(list: string[], by: readonly string[]): void {
    if (list.length > 0) list[Math.floor(random() * list.length)] = pick(by);
  }

  function attributeOf(name: string): AttributeProto {
    const { FLOAT, INT, INTS, STRING } = AttributeProto_AttributeType;
    const ints = Array.from({ length: Math.floor(random() * 9) }, () => pick(numbers));
    return create(AttributeProtoSchema, {
      name,
      type: pick([FLOAT, INT, INTS, STRING]),
      i: pick(numbers),
      ints,
      f: pick([0, 1, -1, Number.NaN, Number.POSITIVE_INFINITY]),
      s: new TextEncoder().encode(pick(['', 'SAME_UPPER', 'VALID', 'constant'])),
    });
  }

  function changeAttribute({ attribute }: NodeProto): void {
    if (attribute.length === 0) return;
    const given = pick(attribute);
    given.i = pick(numbers);
    if (given.ints.length > 0) given.ints[Math.floor(random() * given.ints.length)] = pick(numbers);
    given.f = pick([0, -1, Number.NaN, Number.POSITIVE_INFINITY]);
  }

  function changeTensor(given: TensorProto): void {
    if (random() < 0.3) given.dataType = Math.floor(random() * 25);
    else if (random() < 0.5) given.dims[Math.floor(random() * given.dims.length)] = pick(numbers);
    else given.dims = random() < 0.5 ? given.dims.slice(1) : [...given.dims, pick(numbers)];
  }
}

function namesOf({ input, output, initializer, node }: GraphProto): string[] {
  return [
    ...[...input, ...output, ...initializer].map(({ name }) => name),
    ...node.flatMap((one) => [...one.input, ...one.output]),
  ];
}
