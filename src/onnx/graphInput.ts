import { type GraphProto, TensorProto_DataType, type ValueInfoProto } from 'onnx-buf';
import { integersAttribute } from './attributes.js';
import { malformed, misfitting, quoted, unsupported } from './modelFile.js';
import { nodeOf } from './node.js';
import { typeRefusal } from './tensorValues.js';

/** The images that a network takes. */
export interface GraphInput {
  readonly name: string;
  /** The number of images, where the graph fixes it. */
  readonly batch: number | undefined;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Whether the graph has them [N, H, W, C]. */
  readonly isChannelsLast: boolean;
  /** Whether the caller asked for another size than the graph has, or leaves open. */
  readonly isResized: boolean;
}

/** The size of images that a caller asks for. */
interface Asked {
  readonly height: number;
  readonly width: number;
}

/**
 * The one input of a graph.
 *
 * @throws UnsupportedError for several ones and other things than images of float32, ShapeError for a size that is none
 */
export function graphInput(graph: GraphProto, file: string, asked: Asked | undefined): GraphInput {
  const constants = new Set(graph.initializer.map((tensor) => tensor.name));
  const inputs = graph.input.filter((value) => !constants.has(value.name));
  if (inputs.length !== 1) {
    const got = `${inputs.length}: ${inputs.slice(0, 8).map((value) => quoted(value.name))}`;
    throw unsupported(`${file}, graph input`, 'one', got);
  }
  const [info] = inputs as [ValueInfoProto];
  const where = `${file}, graph input ${quoted(info.name)}`;
  const isChannelsLast = isTurned(graph, info.name, file);
  const [batch, ...sizes] = imageSizes(info, where);
  const [channels, fileHeight, fileWidth] = isChannelsLast ? [sizes[2], sizes[0], sizes[1]] : sizes;
  const { height = fileHeight, width = fileWidth } = asked ?? {};
  for (const [what, size] of Object.entries({ height: asked?.height, width: asked?.width })) {
    const isSize = size === undefined || (Number.isSafeInteger(size) && size >= 1);
    if (!isSize) throw misfitting(`input.${what}`, 'a size of at least 1', `${size}`);
  }
  for (const [what, size] of Object.entries({ channels, height, width })) {
    if (size === undefined) throw unsupported(`${where}, ${what}`, 'a number, in the file or the options', 'none');
    if (size < 1 || !Number.isSafeInteger(size))
      throw unsupported(`${where}, ${what}`, 'a size of at least 1', `${size}`);
  }
  const isResized = height !== fileHeight || width !== fileWidth;
  return {
    name: info.name,
    batch,
    channels: channels!,
    height: height!,
    width: width!,
    isChannelsLast,
    isResized,
  };
}

/** The four sizes of images of float32, but for those that the file leaves open. */
function imageSizes({ name, type }: ValueInfoProto, where: string): readonly (number | undefined)[] {
  const kind = type?.value.case;
  if (name === '' || kind === undefined) throw malformed(where, 'a name and a type', 'none');
  if (type?.value.case !== 'tensorType') throw unsupported(where, 'a tensor', kind);
  const { elemType, shape } = type.value.value;
  if (elemType !== TensorProto_DataType.FLOAT) throw typeRefusal(where, 'FLOAT', elemType);
  // Some exporters write -1 for an open size.
  const sizes = (shape?.dim ?? []).map(({ value }) =>
    value.case === 'dimValue' && value.value >= 0n ? Number(value.value) : undefined,
  );
  if (sizes.length === 4) return sizes;
  const got = shape ? `${sizes.length}: [${sizes.slice(0, 8).map((size) => size ?? '?')}]` : 'none';
  throw unsupported(where, 'four sizes, [N, C, H, W]', got);
}

/** What may stand between the images and the Transpose: all that works on any order of axes. */
const between = ['Add', 'Cast', 'Div', 'Identity', 'Mul', 'Sub'];

/** Whether what becomes of the images first of all is a Transpose from [N, H, W, C] to [N, C, H, W]. */
function isTurned({ node }: GraphProto, name: string, file: string): boolean {
  let tensor = name;
  for (const [index, proto] of node.entries()) {
    if (!proto.input.includes(tensor)) continue;
    if (proto.opType === 'Transpose')
      return integersAttribute(nodeOf(proto, index, file), 'perm')?.join() === '0,3,1,2';
    if (!between.includes(proto.opType)) return false;
    tensor = proto.output[0] ?? '';
  }
  return false;
}
