import { assertAlive } from '../device/device.js';
import { ICError, ShapeError } from '../errors.js';
import { chooseByCost, chooseByRule } from '../ops/choose.js';
import type { ChooseForm, Form, FormRequest } from '../ops/forms.js';
import { type DeviceTraits, deviceTraits, knowMachine } from '../ops/traits.js';
import { pickCandidates } from './candidates.js';
import { measureForms, type TuningResult, tunedForm } from './measure.js';
import { sameForm, type TunedForm, tuningScope } from './record.js';
import { memoryTuningStore, type TuningStore } from './store.js';

/** An operation has been measured. */
export interface TuneProgress {
  /** Operations that are done, of all that were not known. */
  readonly tuned: number;
  /** Operations that were not known, as far as is seen. */
  readonly total: number;
  /** The request's. */
  readonly key: string;
  /** Its name. */
  readonly operation: string;
  /** What was measured. */
  readonly result: TuningResult;
}

/** How forms are measured, and where the results go. */
export interface TuneOptions {
  /** Where results are remembered; in memory, for the life of the device, where left out. */
  readonly store?: TuningStore;
  /** Forms to measure for an operation; 6 where left out. */
  readonly candidates?: number;
  /** The largest {@link RankedForm.body} to compile; 1000 where left out: more takes many seconds on some adapters, for little. */
  readonly largestBody?: number;
  /** Of timing for an operation, checking and compiling not counted; 1 where left out. Three rounds are made at least. */
  readonly seconds?: number;
  /** Called as each operation is measured. */
  readonly onProgress?: (progress: TuneProgress) => void;
  /** Stops between two measurements; what was measured before is remembered. */
  readonly signal?: AbortSignal;
}

const operation = 'tune';
const stores = new WeakMap<GPUDevice, TuningStore>();

/** The end of all calls so far, device by device; never rejects. */
const turns = new WeakMap<GPUDevice, Promise<unknown>>();

/**
 * Measures the forms of every operation that a planner asks for and that is not remembered. What the store knows of the machine
 * is used from then on ({@link calibrate}). Calls at once take turns, device by device: measured side by
 * side, forms would slow each other down. So does other work on the device.
 *
 * @param planner - plans operations with the traits it gets; called again until nothing is unknown
 * @returns a chooser for {@link deviceTraits}: the fastest form of every operation that was measured, the cost model's
 *   choice for the others
 * @throws DeviceLostError; the signal's reason when aborted; what the planner throws.
 */
export async function tune(
  device: GPUDevice,
  planner: (traits: DeviceTraits) => unknown,
  options: TuneOptions = {},
): Promise<ChooseForm> {
  const { candidates = 6, largestBody = 1000, seconds = 1, signal } = options;
  checkPositive('candidates', candidates);
  checkPositive('largestBody', largestBody);
  checkPositive('seconds', seconds);
  assertAlive(device, operation);
  signal?.throwIfAborted();
  const before = turns.get(device) ?? Promise.resolve();
  const waiting = signal ? Promise.race([before, abortOf(signal)]) : before;
  const turn = waiting.then(() => measureUnknown(device, planner, options));
  turns.set(device, Promise.allSettled([before, turn]));
  return turn;
}

/** Rejects with a signal's reason once it aborts. */
function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function measureUnknown(
  device: GPUDevice,
  planner: (traits: DeviceTraits) => unknown,
  options: TuneOptions,
): Promise<ChooseForm> {
  const { candidates: count = 6, largestBody = 1000, seconds = 1, signal, onProgress } = options;
  assertAlive(device, operation);
  signal?.throwIfAborted();
  const store = options.store ?? deviceStore(device);
  const scope = tuningScope(device);
  const machine = await store.loadMachine(scope);
  if (machine) knowMachine(device, machine);
  const known = new Map(await store.load(scope));
  const unknown = new Map<string, FormRequest>();
  const settled = new Set<string>();
  const candidatesOf = (request: FormRequest) => pickCandidates(request, { count, largestBody });
  const collect: ChooseForm = (request) => {
    const form = remembered(known, request);
    if (form) return form;
    // Last, so that what a form asks for inside comes behind the request for the form.
    unknown.delete(request.key);
    const open = !settled.has(request.key) && candidatesOf(request).length > 1;
    if (open) unknown.set(request.key, request);
    return chooseByRule(request);
  };

  let tuned = 0;
  const traits = deviceTraits(device, collect);
  for (planner(traits); unknown.size > 0; planner(traits)) {
    // Also goes through what is added on the way: everything that the candidates ask for inside.
    for (const request of unknown.values()) planAll(request, candidatesOf(request));
    const total = tuned + unknown.size;
    for (const request of [...unknown.values()].reverse()) {
      signal?.throwIfAborted();
      const { key } = request;
      const measurement = { request, candidates: candidatesOf(request), heuristic: chooseByCost(request) };
      const result = await measureForms(device, measurement, { seconds, signal });
      unknown.delete(key);
      settled.add(key);
      const found = tunedForm(result);
      if (found) {
        known.set(key, found);
        await store.add(scope, new Map([[key, found]]));
      }
      onProgress?.({ tuned: ++tuned, total, key, operation: request.operation, result });
    }
  }
  return chooserOf(known);
}

/** Plans every form, for what that asks for inside; one that cannot be planned is named when it is measured. */
function planAll(request: FormRequest, forms: readonly Form[]): void {
  for (const form of forms) {
    try {
      request.plan(form);
    } catch (error) {
      if (!(error instanceof ICError)) throw error;
    }
  }
}

/**
 * A chooser of what a store remembers for a device; nothing is measured. What the store knows of the machine itself is used from
 * then on, as {@link calibrate}'s is.
 */
export async function rememberedChoice(device: GPUDevice, store: TuningStore): Promise<ChooseForm> {
  const scope = tuningScope(device);
  const machine = await store.loadMachine(scope);
  if (machine) knowMachine(device, machine);
  return chooserOf(await store.load(scope));
}

function chooserOf(known: ReadonlyMap<string, TunedForm>): ChooseForm {
  return (request) => remembered(known, request) ?? chooseByRule(request);
}

/** The form of the request that was found best; undefined where that is none of today's. */
function remembered(known: ReadonlyMap<string, TunedForm>, { key, forms }: FormRequest): Form | undefined {
  const found = known.get(key);
  return found && forms.find((form) => sameForm(form, found.form));
}

function deviceStore(device: GPUDevice): TuningStore {
  const store = stores.get(device) ?? memoryTuningStore();
  stores.set(device, store);
  return store;
}

function checkPositive(parameter: string, value: number): void {
  if (value > 0) return;
  throw new ShapeError({ operation, parameter, expected: 'a number above 0', got: String(value) });
}
