import packageText from '../../package.json?raw';
import { subgroupsOf } from '../device/device.js';
import { FormatError } from '../errors.js';
import { requireReadable } from '../io/checks.js';
import { parseJson } from '../io/json.js';
import type { Form } from '../ops/forms.js';
import type { Machine } from '../ops/machine.js';

/** What results of measuring hold for. */
export interface TuningScope {
  /** Adapter and driver, as far as the system tells, and what of the device decides which kernels there are. */
  readonly adapter: string;
  /** The version of this package. */
  readonly version: string;
}

/** What measuring found best for an operation. */
export interface TunedForm {
  /** The fastest one. */
  readonly form: Form;
  /** Of a run in this form. */
  readonly milliseconds: number;
  /** What the cost model would have chosen. */
  readonly heuristic: Form;
  /** Of a run in that form; left out where it did not work. */
  readonly heuristicMilliseconds?: number;
}

/** Results by the keys of their operations. */
export interface TuningRecord extends TuningScope {
  /** By the requests' keys. */
  readonly results: ReadonlyMap<string, TunedForm>;
  /** What was measured of the adapter itself. */
  readonly machine?: Machine;
}

const format = 'ic-networks tuning';
const operation = 'tuning';

/** The version of this package. */
export const { version } = JSON.parse(packageText) as { readonly version: string };

/** What measurements on a device hold for. */
export function tuningScope(device: GPUDevice): TuningScope {
  const { vendor, architecture, device: name, description } = device.adapterInfo;
  const subgroups = subgroupsOf(device);
  const traits = subgroups ? `subgroups ${subgroups.pinned ? 'pinned to' : 'of'} ${subgroups.size}` : 'no subgroups';
  const names = [vendor, architecture, name, description].filter((part) => part !== '');
  return { adapter: `${names.join(' ')}, ${traits}`, version };
}

/** Whether two forms are the same kernel. */
export function sameForm(a: Form, b: Form): boolean {
  const names = Object.keys(a.tile);
  return (
    a.family === b.family &&
    names.length === Object.keys(b.tile).length &&
    names.every((name) => a.tile[name] === b.tile[name])
  );
}

/**
 * Results as JSON.
 *
 * @throws ShapeError for what {@link decodeTuning} would not read.
 */
export function encodeTuning({ adapter, version, results, machine }: TuningRecord): string {
  const record = { format, version, adapter, ...(machine && { machine }), results: Object.fromEntries(results) };
  const text = `${JSON.stringify(record, null, 1)}\n`;
  requireReadable(operation, () => decodeTuning(text, 'results'));
  return text;
}

/**
 * Reads what {@link encodeTuning} wrote.
 *
 * @param where - named in errors
 * @throws FormatError for anything else, LimitError for more than a million values.
 */
export function decodeTuning(text: string, where: string): TuningRecord {
  const refuse = (parameter: string, expected: string, value: unknown): never => {
    const got = value === undefined ? 'nothing' : JSON.stringify(value);
    throw new FormatError({ operation, parameter: `${where}: ${parameter}`, expected, got });
  };
  const object = (parameter: string, value: unknown): Readonly<Record<string, unknown>> =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : refuse(parameter, 'an object', value);
  const words = (parameter: string, value: unknown): string =>
    typeof value === 'string' && value !== '' ? value : refuse(parameter, 'a text', value);
  const number = (parameter: string, value: unknown): number =>
    typeof value === 'number' && Number.isFinite(value) && value >= 0
      ? value
      : refuse(parameter, 'a number from 0 up', value);
  const form = (parameter: string, value: unknown): Form => {
    const { family, tile } = object(parameter, value);
    const sizes = Object.entries(object(`${parameter}.tile`, tile));
    return {
      // Whether there is such a form is for the operation to say, which offers those of today.
      family: words(`${parameter}.family`, family) as Form['family'],
      tile: Object.fromEntries(sizes.map(([name, size]) => [name, number(`${parameter}.tile.${name}`, size)])),
    };
  };
  const result = (key: string, value: unknown): TunedForm => {
    const given = object(key, value);
    const { heuristicMilliseconds: before } = given;
    return {
      form: form(`${key}: form`, given.form),
      milliseconds: number(`${key}: milliseconds`, given.milliseconds),
      heuristic: form(`${key}: heuristic`, given.heuristic),
      ...(before !== undefined && { heuristicMilliseconds: number(`${key}: heuristicMilliseconds`, before) }),
    };
  };

  const machineOf = (value: unknown): Machine => {
    const given = object('machine', value);
    const above = (name: keyof Machine): number => {
      const rate = number(`machine.${name}`, given[name]);
      return rate > 0 ? rate : refuse(`machine.${name}`, 'a number above 0', rate);
    };
    return {
      units: above('units'),
      resident: above('resident'),
      residentThreads: above('residentThreads'),
      multiplyAdds: above('multiplyAdds'),
      bytes: above('bytes'),
      dispatch: number('machine.dispatch', given.dispatch),
    };
  };

  const record = object('text', parseJson(text, operation, `${where}: text`));
  if (record.format !== format) refuse('format', JSON.stringify(format), record.format);
  const entries = Object.entries(object('results', record.results));
  return {
    adapter: words('adapter', record.adapter),
    version: words('version', record.version),
    results: new Map(entries.map(([key, value]) => [key, result(key, value)])),
    ...(record.machine !== undefined && { machine: machineOf(record.machine) }),
  };
}
