import { type GraphProto, type TensorProto, TensorProto_DataLocation } from 'onnx-buf';
import { malformed, quoted } from './modelFile.js';
import { placeOfTensor } from './tensorValues.js';

/** The tensors of a graph whose data may lie elsewhere. */
function tensorsOf({ initializer, node }: GraphProto): readonly TensorProto[] {
  const constants = node.flatMap(({ attribute }) => attribute.flatMap(({ t }) => t ?? []));
  return [...initializer, ...constants];
}

function isElsewhere({ dataLocation, externalData }: TensorProto): boolean {
  return dataLocation === TensorProto_DataLocation.EXTERNAL || externalData.length > 0;
}

/** The names of files, relative to the model's, that hold data of a graph. */
export function dataFiles(graph: GraphProto): readonly string[] {
  const names = tensorsOf(graph).flatMap((tensor) => (isElsewhere(tensor) ? (entry(tensor, 'location') ?? []) : []));
  return [...new Set(names)];
}

/**
 * Brings the data of tensors in, as views of files' bytes. Tensors of files that are not given remain as they are, and are refused
 * where they are needed.
 *
 * @throws FormatError for a range that the file does not have
 */
export function bringData(graph: GraphProto, file: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const tensor of tensorsOf(graph)) {
    const bytes = isElsewhere(tensor) ? files.get(entry(tensor, 'location') ?? '') : undefined;
    if (!bytes) continue;
    tensor.rawData = rangeOf(tensor, bytes, placeOfTensor(file, tensor.name));
    tensor.dataLocation = TensorProto_DataLocation.DEFAULT;
    tensor.externalData = [];
  }
}

function rangeOf(tensor: TensorProto, bytes: Uint8Array, where: string): Uint8Array<ArrayBuffer> {
  const start = Number(entry(tensor, 'offset') ?? 0);
  const length = Number(entry(tensor, 'length') ?? bytes.length - start);
  const isRange = [start, length].every((size) => Number.isSafeInteger(size) && size >= 0);
  if (isRange && start + length <= bytes.length)
    return bytes.subarray(start, start + length) as Uint8Array<ArrayBuffer>;
  const location = quoted(entry(tensor, 'location') ?? '');
  throw malformed(where, `a range of the ${bytes.length} bytes of ${location}`, `${length} bytes from ${start}`);
}

function entry({ externalData }: TensorProto, name: string): string | undefined {
  return externalData.find(({ key }) => key === name)?.value;
}
