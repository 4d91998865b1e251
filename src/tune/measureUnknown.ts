import { ICError } from '../errors.js';
import { chooseByCost, chooseByRule } from '../ops/choose.js';
import type { ChooseForm, Form, FormRequest, RankedForm } from '../ops/forms.js';
import { type DeviceTraits, knowMachine, planningTraits } from '../ops/traits.js';
import { measureMachine } from './calibrate.js';
import { pickCandidates } from './candidates.js';
import { measureForms, type TuningResult, tunedForm } from './measure.js';
import type { Pace } from './pace.js';
import { sameForm, type TunedForm, tuningScope } from './record.js';
import type { TuningStore } from './store.js';

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

/** How what is not known is measured. */
export interface MeasuringOptions {
  readonly store: TuningStore;
  readonly candidates: number;
  readonly largestBody: number;
  readonly seconds: number;
  readonly signal: AbortSignal | undefined;
  readonly pace: Pace;
  /** The form that an operation's others are checked against. */
  readonly reference: (request: FormRequest) => Form | undefined;
  /** Whether anybody still wants to know. */
  readonly isWanted: () => boolean;
  readonly onProgress: ((progress: TuneProgress) => void) | undefined;
  /** Called with what is found for an operation, ahead of measuring the next one. */
  readonly onFound: (request: FormRequest, found: TunedForm) => Promise<void>;
}

/**
 * What a store holds for a device, by key. What it knows of the machine is used from then on, as {@link calibrate}'s is.
 */
export async function loadKnown(device: GPUDevice, store: TuningStore): Promise<Map<string, TunedForm>> {
  const scope = tuningScope(device);
  const machine = await store.loadMachine(scope);
  if (machine) knowMachine(device, machine);
  return new Map(await store.load(scope));
}

/** Measures the machine where the store does not know it; what is known of it is used from then on. */
export async function learnMachine(
  device: GPUDevice,
  { store, pace, signal }: Pick<MeasuringOptions, 'store' | 'pace' | 'signal'>,
): Promise<void> {
  const scope = tuningScope(device);
  const known = await store.loadMachine(scope);
  const machine = known ?? (await pace.measure(() => measureMachine(device, pace, signal)));
  if (!known) await store.addMachine(scope, machine);
  knowMachine(device, machine);
}

/**
 * Measures every operation that a planner asks for and that is not known, and adds it to what is known and to the store.
 *
 * @param planner - plans operations with the traits it gets; called again until nothing is unknown
 * @throws DeviceLostError; the signal's reason when aborted; what the planner or a callback throws.
 */
export async function measureUnknown(
  device: GPUDevice,
  planner: (traits: DeviceTraits) => unknown,
  known: Map<string, TunedForm>,
  options: MeasuringOptions,
): Promise<void> {
  const { candidates: count, largestBody, seconds, signal, pace, store, reference, isWanted, onProgress } = options;
  const scope = tuningScope(device);
  const unknown = new Map<string, FormRequest>();
  const settled = new Set<string>();
  const candidatesOf = (request: FormRequest): RankedForm[] => pickCandidates(request, { count, largestBody });
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
  const traits = planningTraits(device, collect);
  for (planner(traits); unknown.size > 0; planner(traits)) {
    // Also goes through what is added on the way: everything that the candidates ask for inside.
    for (const request of unknown.values()) planAll(request, candidatesOf(request));
    const total = tuned + unknown.size;
    for (const request of [...unknown.values()].reverse()) {
      signal?.throwIfAborted();
      if (!isWanted()) return;
      const { key } = request;
      const forms = { candidates: candidatesOf(request), heuristic: chooseByCost(request) };
      const result = await pace.measure(() =>
        measureForms(device, { request, ...forms, reference: reference(request) }, { seconds, signal, pace }),
      );
      unknown.delete(key);
      settled.add(key);
      const found = tunedForm(result);
      if (found) {
        known.set(key, found);
        await store.add(scope, new Map([[key, found]]));
      }
      onProgress?.({ tuned: ++tuned, total, key, operation: request.operation, result });
      if (found) await options.onFound(request, found);
    }
  }
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

/** Chooses what is known, and by the rule what is not. */
export function chooserOf(known: ReadonlyMap<string, TunedForm>): ChooseForm {
  return (request) => remembered(known, request) ?? chooseByRule(request);
}

/** The form of the request that was found best; undefined where that is none of today's. */
function remembered(known: ReadonlyMap<string, TunedForm>, { key, forms }: FormRequest): Form | undefined {
  const found = known.get(key);
  return found && forms.find((form) => sameForm(form, found.form));
}
