import type { NodeProto } from 'onnx-buf';
import { quoted } from './modelFile.js';

/** A node of the graph, with its place for errors. */
export interface Node {
  readonly proto: NodeProto;
  readonly place: string;
}

/** @param index the node's number in the graph, which it is told by where it has no name */
export function nodeOf(proto: NodeProto, index: number, file: string): Node {
  const name = proto.name === '' ? `${index}` : quoted(proto.name);
  return { proto, place: `${file}, node ${name} (${proto.opType.slice(0, 80)})` };
}
