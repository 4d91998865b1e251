import { FormatError, UnsupportedError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { isInHead, networkParameters, type ParameterSpec } from '../graph/parameters.js';
import { describeFaults, likelyCause, type StateFaults } from '../graph/stateFaults.js';
import { isFloatType } from '../io/floats.js';
import type { SafetensorsEntry } from '../io/safetensorsHeader.js';
import { listNames } from '../names.js';
import type { WeightsFile } from './weightsFile.js';

/** Some names: a list, or what a function says yes to. */
export type Names = readonly string[] | ((name: string) => boolean);

/** How the names of a file and those of a network go together where they are not the same. */
export interface WeightsMapping {
  /** What a tensor of the file is called in the network; a tensor that a list does not name keeps its name. */
  readonly rename?: Readonly<Record<string, string>> | ((name: string) => string);
  /** Tensors of the file, by its own names, that are left out. */
  readonly unused?: Names;
  /** Entries of the network that the file may lack, and that then start as `initialParameters` starts them. */
  readonly fresh?: Names;
  /** Entries of the network that the file may lack, and that then stay as they are. */
  readonly keep?: Names;
  /**
   * Starts the head afresh, which is the last layer with weights, and leaves out what the file has for it: for another
   * number of classes, or another task.
   */
  readonly replaceHead?: boolean;
}

/** Which tensor of a file becomes which entry of a network's state. */
export interface WeightsMatch {
  /** In the order of the file. */
  readonly loads: readonly {
    /** In the file. */
    readonly name: string;
    /** Where it lies in the file. */
    readonly tensor: SafetensorsEntry;
    /** The network's entry. */
    readonly spec: ParameterSpec;
  }[];
  /** Entries that start afresh. */
  readonly fresh: readonly string[];
  /** Entries that stay as they are. */
  readonly kept: readonly string[];
  /** Tensors of the file, by its own names, that are left out. */
  readonly unused: readonly string[];
}

/** Of a name in an error. */
const longestName = 100;

/**
 * Matches the tensors of a file with the entries of a network. Counters of batches alone may be missing unasked.
 *
 * @throws FormatError naming some of the entries that are missing, and of the tensors that are left over, of another shape or
 *   of a type that is not computed with, and what the file probably is; UnsupportedError for a mapping that names what is not
 *   there
 */
export function matchWeights(network: Network, file: WeightsFile, mapping: WeightsMapping = {}): WeightsMatch {
  const specs = new Map(networkParameters(network).map((spec) => [spec.name, spec]));
  checkMapping(mapping, specs, file);
  const renamed = typeof mapping.rename === 'function' ? mapping.rename : listed(mapping.rename ?? {});
  const isUnused = test(mapping.unused);
  const inHead = mapping.replaceHead ? isInHead([...specs.values()]) : () => false;

  const faults = new Map<string, string[]>();
  const note = (kind: string, name: string): void => {
    faults.set(kind, [...(faults.get(kind) ?? []), name]);
  };
  const loads = new Map<string, WeightsMatch['loads'][number]>();
  const shapes = new Map<string, readonly number[]>();
  const unused: string[] = [];
  for (const [name, tensor] of file.tensors) {
    const entry = renamed(name);
    const spec = specs.get(entry);
    const called = entry === name ? short(name) : `${short(name)} (as ${short(entry)})`;
    if (isUnused(name) || inHead(entry)) {
      unused.push(name);
      continue;
    }
    shapes.set(entry, tensor.shape);
    if (!spec) note('left over', called);
    else if (loads.has(entry)) note('twice', called);
    else {
      loads.set(entry, { name, tensor, spec });
      if (!sameShape(spec, tensor))
        note('of another shape', `${called} (${sizes(tensor.shape)} instead of ${sizes(spec.shape)})`);
      else if (!isReadable(spec, tensor)) note('of a type that is not computed with', `${called} (${tensor.dtype})`);
    }
  }
  const absent = [...specs.values()].filter(({ name, role }) => !loads.has(name) && role !== 'batchesTracked');
  const kept = absent.filter(({ name }) => test(mapping.keep)(name)).map(({ name }) => name);
  const fresh = absent.filter(({ name }) => test(mapping.fresh)(name) || inHead(name)).map(({ name }) => name);
  for (const name of [...kept, ...fresh]) shapes.set(name, specs.get(name)!.shape);
  for (const { name } of absent) if (!kept.includes(name) && !fresh.includes(name)) note('missing', name);
  if (faults.size > 0) throw mismatch(network, [...specs.values()], file, faults, shapes);
  const inOrder = [...loads.values()].sort((a, b) => a.tensor.begin - b.tensor.begin);
  return { loads: inOrder, fresh, kept, unused };
}

/** Names in lists are meant: one that is nowhere is a slip. */
function checkMapping(
  { rename, unused, fresh, keep }: WeightsMapping,
  specs: ReadonlyMap<string, ParameterSpec>,
  file: WeightsFile,
): void {
  const check = (
    parameter: string,
    names: Names | undefined,
    known: ReadonlyMap<string, unknown>,
    of: string,
  ): void => {
    const strange = typeof names === 'object' ? names.filter((name) => !known.has(name)) : [];
    if (strange.length === 0) return;
    throw new UnsupportedError({
      operation: 'loadWeights',
      parameter,
      expected: `names of ${of}`,
      got: listNames(strange),
    });
  };
  check('rename', typeof rename === 'object' ? Object.keys(rename) : undefined, file.tensors, file.name);
  check('unused', unused, file.tensors, file.name);
  check('fresh', fresh, specs, 'the network');
  check('keep', keep, specs, 'the network');
}

function listed(names: Readonly<Record<string, string>>): (name: string) => string {
  return (name) => (Object.hasOwn(names, name) ? names[name]! : name);
}

function test(names: Names = []): (name: string) => boolean {
  return typeof names === 'function' ? names : (name) => names.includes(name);
}

function sameShape({ shape }: ParameterSpec, tensor: SafetensorsEntry): boolean {
  return shape.length === tensor.shape.length && shape.every((size, axis) => size === tensor.shape[axis]);
}

function isReadable({ role }: ParameterSpec, { dtype }: SafetensorsEntry): boolean {
  return isFloatType(dtype) || (role === 'batchesTracked' && dtype === 'I64');
}

function sizes(shape: readonly number[]): string {
  return shape.length > 8 ? `${shape.length} dimensions` : `[${shape}]`;
}

/** A name from a file, which may be anything. */
function short(name: string): string {
  const text = JSON.stringify(name.slice(0, longestName)).slice(1, -1);
  return name.length > longestName ? `${text}...` : text;
}

function mismatch(
  network: Network,
  specs: readonly ParameterSpec[],
  file: WeightsFile,
  faults: StateFaults,
  shapes: ReadonlyMap<string, readonly number[]>,
): FormatError {
  const isHead = isInHead(specs);
  const reshaped = faults.get('of another shape') ?? [];
  const onlyHead = faults.size === 1 && reshaped.length > 0 && reshaped.every((text) => isHead(text.split(' ')[0]!));
  const cause = likelyCause(specs, shapes);
  return new FormatError({
    operation: 'loadWeights',
    parameter: file.name,
    expected: `the state of ${network.name}${onlyHead ? ', or to be told to replace the head' : ''}`,
    got: `${cause === undefined ? '' : `${cause}; `}${describeFaults(faults)}`,
  });
}
