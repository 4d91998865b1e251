import { fromBinary } from '@bufbuild/protobuf';
import { type GraphProto, type ModelProto, ModelProtoSchema } from 'onnx-buf';
import { FormatError, type ICError, ShapeError, UnsupportedError } from '../errors.js';

/** A parsed ONNX file. */
export interface ModelFile {
  /** The file's name, for errors. */
  readonly name: string;
  readonly model: ModelProto;
  readonly graph: GraphProto;
  /** The version of the standard operators. */
  readonly opset: number;
}

/** Below, nodes mean other things; above, nobody knows yet what they mean. */
const opsets = { oldest: 6, newest: 25 };
const standardDomains = ['', 'ai.onnx'];

/**
 * Parses an ONNX file; the weights in it are views into `bytes`.
 *
 * @throws ShapeError for no bytes, FormatError where it is none, UnsupportedError for other versions of the standard operators
 */
export function parseModel(bytes: Uint8Array, name: string): ModelFile {
  if (!(bytes instanceof Uint8Array)) throw misfitting('bytes', 'a Uint8Array', typeof bytes);
  const model = parse(bytes, name);
  const { graph } = model;
  if (!graph) throw malformed(name, 'an ONNX model with a graph', 'none');
  const opset = opsetOf(model, name);
  const redefined = model.functions.find(({ domain }) => isStandard(domain));
  if (redefined) throw unsupported(`${name}, functions`, 'standard operators as they are', quoted(redefined.name));
  if (graph.sparseInitializer.length > 0) {
    const { values } = graph.sparseInitializer[0]!;
    throw unsupported(`${name}, weights`, 'dense tensors', `a sparse one, ${quoted(values?.name ?? '')}`);
  }
  return { name, model, graph, opset };
}

function opsetOf({ opsetImport, irVersion }: ModelProto, name: string): number {
  const where = `${name}, version of the standard operators`;
  const expected = `${opsets.oldest} to ${opsets.newest}`;
  const versions = opsetImport.filter(({ domain }) => isStandard(domain));
  if (versions.length > 1) throw malformed(where, 'one', `${versions.length}`);
  if (versions.length === 0) {
    const others = opsetImport.map(({ domain }) => quoted(domain)).slice(0, 8);
    // The first files did not say, as there was one version.
    if (others.length > 0 || irVersion === 1n || irVersion === 2n)
      throw unsupported(where, expected, `none, but ${others.join(', ') || '1'}`);
    throw malformed(where, expected, 'none');
  }
  const opset = Number(versions[0]!.version);
  if (opset >= opsets.oldest && opset <= opsets.newest) return opset;
  throw unsupported(where, expected, `${opset}`);
}

function parse(bytes: Uint8Array, name: string): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false });
  } catch (error) {
    throw malformed(name, 'an ONNX model', `what protobuf cannot read: ${(error as Error).message.slice(0, 200)}`);
  }
}

/** Whether a node is of the standard operators. */
export function isStandard(domain: string): boolean {
  return standardDomains.includes(domain);
}

/** A file that contradicts itself, the format, or what the operators take. */
export function malformed(parameter: string, expected: string, got: string): ICError {
  return new FormatError({ operation: 'decodeOnnx', parameter, expected, got });
}

/** A file that is right but of what is not supported here. */
export function unsupported(parameter: string, expected: string, got: string): ICError {
  return new UnsupportedError({ operation: 'decodeOnnx', parameter, expected, got });
}

/** What the caller gave: no bytes, or a size of images that is none or does not fit the file. */
export function misfitting(parameter: string, expected: string, got: string): ICError {
  return new ShapeError({ operation: 'decodeOnnx', parameter, expected, got });
}

/** Names come from the file: they are quoted, and cut where they are long. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}...` : name);
}
