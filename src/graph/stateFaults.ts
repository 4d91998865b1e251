import { listNames, shownNames } from '../names.js';
import { isInHead, type ParameterSpec } from './parameters.js';

/** Entries that do not fit a network's state, by what is wrong with them. */
export type StateFaults = ReadonlyMap<string, readonly string[]>;

/** What is wrong with a state, with some of the entries and how many more there are. */
export function describeFaults(faults: StateFaults): string {
  const found = [...faults].filter(([, names]) => names.length > 0);
  const each = Math.max(1, Math.floor(shownNames / found.length));
  return found.map(([fault, names]) => `${fault}: ${listNames(names, each)}`).join('; ');
}

/**
 * Why a state probably does not fit a network, as `that of ...`.
 *
 * @param specs - the network's
 * @param shapes - the state's, by the network's names
 */
export function likelyCause(
  specs: readonly ParameterSpec[],
  shapes: ReadonlyMap<string, readonly number[]>,
): string | undefined {
  const own = new Set(specs.map(({ name }) => name));
  const strange = [...shapes.keys()].filter((name) => !own.has(name));
  const missing = specs.filter(({ name, role }) => !shapes.has(name) && role !== 'batchesTracked');
  if (strange.length === shapes.size) return causeOfNames(specs, strange);
  const cause = causeOfUnits(
    missing.map(({ name }) => name),
    strange,
  );
  if (cause) return cause;
  const first = specs.find(({ name, shape }) => shapes.has(name) && shapes.get(name)!.join() !== shape.join());
  if (first) return causeOfShape(first, shapes.get(first.name)!, specs);
  return causeOfSize(missing, strange, shapes);
}

/** IC units more or fewer, or their offsets. */
function causeOfUnits(missing: readonly string[], strange: readonly string[]): string | undefined {
  const areAll = (names: readonly string[], pattern: RegExp): boolean =>
    names.length > 0 && names.every((name) => pattern.test(name));
  if (areAll(missing, /\.offset$/)) return 'that of the network without offsets';
  if (areAll(strange, /\.offset$/)) return 'that of the network with offsets';
  if (areAll(missing, /\.(adjust|offset)$/)) return 'that of the plain network';
  return areAll(strange, /\.(adjust|offset)$/) ? 'that of the IC network' : undefined;
}

/** Whole layers more or fewer. */
function causeOfSize(
  missing: readonly ParameterSpec[],
  strange: readonly string[],
  shapes: ReadonlyMap<string, readonly number[]>,
): string | undefined {
  const layers = new Set([...shapes.keys()].map((name) => name.slice(0, name.lastIndexOf('.'))));
  const isOfLayer = (name: string): boolean =>
    /\.(weight|bias|adjust|offset|running_mean|running_var|num_batches_tracked)$/.test(name);
  if (missing.length === 0)
    return strange.length > 0 && strange.every(isOfLayer) ? 'that of a larger network' : undefined;
  return strange.length === 0 && missing.every(({ layer }) => !layers.has(layer))
    ? 'that of a smaller network'
    : undefined;
}

function causeOfNames(specs: readonly ParameterSpec[], strange: readonly string[]): string {
  const [{ name }] = specs as readonly [ParameterSpec];
  const longer = strange.find((candidate) => candidate.endsWith(`.${name}`));
  const ahead = longer?.slice(0, -name.length);
  return ahead === undefined ? 'that of another kind of network' : `names with ${JSON.stringify(ahead)} ahead`;
}

function causeOfShape(
  { name, role, shape }: ParameterSpec,
  own: readonly number[],
  specs: readonly ParameterSpec[],
): string | undefined {
  if (own.length !== shape.length) return undefined;
  const instead = (of: string, axis: number, unit = ''): string =>
    `that of a network ${of} ${own[axis]}${unit}, not ${shape[axis]}`;
  if (isInHead(specs)(name)) return own[0] === shape[0] ? undefined : instead('of', 0, ' classes');
  if (role === 'adjust') return 'that of a network with the other form of recalibration weights';
  if (name !== specs[0]!.name) return undefined;
  if (own[0] !== shape[0]) return instead('of width', 0);
  return own[1] === shape[1] ? undefined : instead('for images of', 1, ' channels');
}
