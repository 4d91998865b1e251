import { assertAlive } from '../device/device.js';
import { ShapeError } from '../errors.js';
import type { ChooseForm, FormRequest, RankedForm } from '../ops/forms.js';
import type { DeviceTraits } from '../ops/traits.js';
import { chooserOf, learnMachine, loadKnown, measureUnknown, type TuneProgress } from './measureUnknown.js';
import { atOnce } from './pace.js';
import { memoryTuningStore, type TuningStore } from './store.js';
import { inTurn } from './turns.js';

export type { TuneProgress };

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

/**
 * Measures the forms of every operation that a planner asks for and that is not remembered. Where the store does not know the
 * machine itself, that is measured first, as by {@link calibrate}; what is known of it is used from then on. Calls at once take
 * turns, device by device: measured side by side, forms would slow each other down. So does other work on the device.
 *
 * @param planner - plans operations with the traits it gets; called again until nothing is unknown
 * @returns a chooser for `deviceTraits`: the fastest form of every operation that was measured, the cost model's
 *   choice for the others
 * @throws DeviceLostError; the signal's reason when aborted; what the planner throws.
 */
export async function tune(
  device: GPUDevice,
  planner: (traits: DeviceTraits) => unknown,
  options: TuneOptions = {},
): Promise<ChooseForm> {
  const { store, candidates, largestBody, seconds } = measuringOptions(device, options);
  const { signal, onProgress } = options;
  assertAlive(device, operation);
  signal?.throwIfAborted();
  return inTurn(device, signal, async () => {
    assertAlive(device, operation);
    signal?.throwIfAborted();
    await learnMachine(device, { store, pace: atOnce, signal });
    const known = await loadKnown(device, store);
    await measureUnknown(device, planner, known, {
      store,
      candidates,
      largestBody,
      seconds,
      signal,
      onProgress,
      pace: atOnce,
      reference: naiveForm,
      isWanted: () => true,
      onFound: async () => {},
    });
    return chooserOf(known);
  });
}

/** How options of compiling want forms chosen. */
interface WantedChoice {
  readonly tune?: boolean | object;
  readonly tuning?: TuningStore;
  readonly signal?: AbortSignal;
}

/**
 * A chooser that measures first where that is wanted, or else one of what is remembered.
 *
 * @throws as {@link tune}
 */
export async function chooseAsWanted(
  device: GPUDevice,
  planner: (traits: DeviceTraits) => unknown,
  { tune: wanted = false, tuning, signal }: WantedChoice,
): Promise<ChooseForm | undefined> {
  if (wanted === false) return tuning && rememberedChoice(device, tuning);
  const options = wanted === true ? {} : wanted;
  return tune(device, planner, { ...options, ...(tuning && { store: tuning }), ...(signal && { signal }) });
}

/** What everything is checked against that has the device to itself. */
function naiveForm({ forms }: FormRequest): RankedForm | undefined {
  return forms.find(({ family }) => family === 'naive');
}

/**
 * A chooser of what a store remembers for a device; nothing is measured. What the store knows of the machine itself is used from
 * then on, as {@link calibrate}'s is.
 */
export async function rememberedChoice(device: GPUDevice, store: TuningStore): Promise<ChooseForm> {
  return chooserOf(await loadKnown(device, store));
}

/** The options of measuring with what stands for those that are left out. */
export function measuringOptions(
  device: GPUDevice,
  { store = deviceStore(device), candidates = 6, largestBody = 1000, seconds = 1 }: TuneOptions,
) {
  checkPositive('candidates', candidates);
  checkPositive('largestBody', largestBody);
  checkPositive('seconds', seconds);
  return { store, candidates, largestBody, seconds };
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
