import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { UnsupportedError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { readWhole } from '../io/fileError.js';
import { namingKind } from '../io/fileKind.js';
import { fileName } from '../io/fileName.js';
import { decodeOnnx, onnxDataFiles } from '../onnx/decode.js';
import { encodeOnnx } from '../onnx/encode.js';
import { grouped, type Output } from '../terminal/output.js';
import { requireWritable, writeResult } from '../terminal/writing.js';
import { encodeNetwork } from '../train/checkpoint.js';
import { publishedNormalisation } from '../weights/published.js';
import { readWeights } from '../weights/read.js';
import { checkpointFile } from './checkpointFile.js';
import { addressOf, type ModelFlags, openModel, unusedOf } from './model.js';

/** What a network can be converted to, with the end of its files' names. */
export const conversions = { onnx: '.onnx', safetensors: '.safetensors' } as const;

export interface ConvertFlags extends Pick<ModelFlags, 'model' | 'names'> {
  readonly to: keyof typeof conversions;
  readonly output?: string;
  /** Height and width of images. */
  readonly size?: number;
  /** The tensor of an ONNX file that the network is to end in. */
  readonly end?: string;
}

/** `icnet convert`. */
export async function convert(given: string, flags: ConvertFlags, output: Output): Promise<void> {
  const path = flags.to === 'onnx' ? await checkpointFile(given, output) : given;
  const target = flags.output ?? beside(path, conversions[flags.to]);
  if (target === path) {
    const expected = 'another file than the one that is read';
    throw new UnsupportedError({ operation: 'convert', parameter: '--output', expected, got: target });
  }
  if (flags.to === 'safetensors' && flags.output === undefined && existsSync(target)) {
    const expected = 'to be given, as the file beside it is there already';
    throw new UnsupportedError({ operation: 'convert', parameter: '--output', expected, got: target });
  }
  await requireWritable('convert', '--output', target);
  const { network, bytes } = flags.to === 'onnx' ? await toOnnx(path, flags, output) : await toSafetensors(path, flags);
  await mkdir(dirname(target), { recursive: true });
  const written = await writeResult(target, bytes, output);
  output.emit({ event: 'done', network: network.name, input: path, output: written, bytes: bytes.length });
  output.say(`${network.name}: ${written}, ${grouped(bytes.length)} bytes`);
}

interface Converted {
  readonly network: Network;
  readonly bytes: Uint8Array;
}

async function toOnnx(path: string, { size, end, ...flags }: ConvertFlags, output: Output): Promise<Converted> {
  if (end !== undefined) {
    const expected = 'no such option for what is no ONNX file';
    throw new UnsupportedError({ operation: 'convert', parameter: '--end', expected, got: end });
  }
  const crop = size === undefined ? {} : { crop: size };
  const { network: own, file, record, classNames } = await openModel(path, { ...flags, ...crop }, output);
  const network = size === undefined ? own : { ...own, input: { ...own.input, height: size, width: size } };
  try {
    const values = await readWeights(network, file, unusedOf(record));
    // Published weights are of networks that were trained on ImageNet, which say nothing of it.
    const usual = record === undefined && network.input.channels === 3 ? publishedNormalisation(network) : undefined;
    const normalisation = record?.normalisation ?? usual;
    const bytes = encodeOnnx(network, values, {
      ...(normalisation && { normalisation }),
      ...(classNames && { classNames: classNames.map(({ name }) => name) }),
    });
    return { network, bytes };
  } finally {
    await file.source.close();
  }
}

async function toSafetensors(path: string, { model, names, size, end }: ConvertFlags): Promise<Converted> {
  for (const [parameter, got] of Object.entries({ '--model': model, '--names': names })) {
    if (got === undefined) continue;
    const expected = 'no such option for an ONNX file, which says it itself';
    throw new UnsupportedError({ operation: 'convert', parameter, expected, got });
  }
  const file = await readWhole('convert', path);
  const options = {
    name: path,
    ...(size !== undefined && { input: { height: size, width: size } }),
    ...(end !== undefined && { output: end }),
  };
  const files = await readBeside(
    path,
    named(file, path, () => onnxDataFiles(file, path)),
  );
  const { network, values, normalisation, classNames } = named(file, path, () =>
    decodeOnnx(file, { ...options, files }),
  );
  const notes = { ...(normalisation && { normalisation }), ...(classNames && { classNames }) };
  return { network, bytes: encodeNetwork(network, values, notes) };
}

/** The files beside a model that hold its weights; a name that leads elsewhere is none of them. */
async function readBeside(path: string, names: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const name of names) {
    const isBeside = !isAbsolute(name) && !name.split(/[\\/]/).includes('..');
    if (isBeside) files.set(name, await readWhole('convert', join(dirname(path), name)));
  }
  return files;
}

/** Does what needs a file to be an ONNX model, and says what it is where it is none. */
function named<T>(file: Uint8Array, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw namingKind(error, file, 'convert', path, 'an ONNX model');
  }
}

/** A file of the same name with another end; here for a file at an address, which has no place here. */
function beside(path: string, end: string): string {
  const stem = (name: string): string => basename(name).replace(/\.[^.]+$/, '');
  const address = addressOf(path);
  return address ? fileName(stem(address.pathname)) + end : join(dirname(path), stem(path) + end);
}
