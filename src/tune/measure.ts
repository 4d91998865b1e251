import { assertAlive } from '../device/device.js';
import { DeviceLostError, ICError } from '../errors.js';
import type { Form, FormRequest } from '../ops/forms.js';
import { type CompiledPlan, compilePlan } from '../ops/plan.js';
import { faultOf } from './check.js';
import type { Pace } from './pace.js';
import { quantile, type RaceOptions, race, winnerOf } from './race.js';
import { sameForm, type TunedForm } from './record.js';
import { type Contestant, createWorkbench, type Workbench } from './workbench.js';

/** What became of a form that took part. */
export interface MeasuredForm {
  /** Which one it is. */
  readonly form: Form;
  /** Of a run. */
  readonly milliseconds?: number;
  /** Why it was dropped: it did not compile, found no memory or gave wrong results. */
  readonly fault?: string;
}

/** What measuring an operation's forms found. */
export interface TuningResult {
  /** The fastest one. */
  readonly form: Form;
  /** What the cost model would have chosen. */
  readonly heuristic: Form;
  /** All that were tried. */
  readonly candidates: readonly MeasuredForm[];
}

/** Forms to measure: `heuristic` is one of the candidates. */
export interface Measurement {
  readonly request: FormRequest;
  readonly candidates: readonly Form[];
  readonly heuristic: Form;
  /** What the others are checked against; undefined where there is nothing. */
  readonly reference: Form | undefined;
}

/**
 * Checks forms against the reference and times those that are right. The heuristic's form wins unless another one is faster
 * beyond noise; the reference where none is right.
 *
 * @throws DeviceLostError; the signal's reason when aborted.
 */
export async function measureForms(
  device: GPUDevice,
  { request, candidates, heuristic, reference: correct }: Measurement,
  options: RaceOptions,
): Promise<TuningResult> {
  const { signal, pace } = options;
  const fallback = { form: heuristic, heuristic };
  if (!correct) return { ...fallback, candidates: allWith(candidates, 'nothing to be checked against') };
  const forms = candidates.includes(correct) ? candidates : [...candidates, correct];
  // In parallel where the pace allows it, and the reference with them.
  const plans = await Promise.all(
    forms.map((form) => orFault(device, () => pace.compile(async () => compilePlan(device, request.plan(form))))),
  );
  signal?.throwIfAborted();

  const workbench = createWorkbench(device);
  const contestants = new Map<Form, Contestant>();
  const faults = new Map<Form, string>();
  try {
    const reference = await enter(device, workbench, plans[forms.indexOf(correct)]!, pace);
    if (typeof reference === 'string') {
      return {
        ...fallback,
        candidates: allWith(candidates, `cannot be checked, the ${correct.family} form fails: ${reference}`),
      };
    }
    contestants.set(correct, reference.contestant);
    for (const [index, form] of forms.entries()) {
      signal?.throwIfAborted();
      if (form === correct) continue;
      const entry = await enter(device, workbench, plans[index]!, pace);
      if (typeof entry === 'string') {
        faults.set(form, entry);
        continue;
      }
      const fault = faultOf(entry.outputs, reference.outputs, [form.family, correct.family]);
      if (fault === undefined) contestants.set(form, entry.contestant);
      else {
        faults.set(form, fault);
        entry.contestant.dispose();
      }
    }
    const right = candidates.filter((form) => contestants.has(form));
    const racing = right.length > 0 ? right : [correct];
    const times = await race(
      device,
      racing.map((form) => contestants.get(form)!),
      options,
    );
    const favourite = racing.indexOf(heuristic);
    const winner = winnerOf(times, favourite < 0 ? undefined : favourite);
    const medians = new Map(racing.map((form, index) => [form, quantile(times[index]!, 0.5)]));
    const measured = [...new Set([...candidates, ...racing])].map((form): MeasuredForm => {
      const milliseconds = medians.get(form);
      return milliseconds === undefined ? { form, fault: faults.get(form)! } : { form, milliseconds };
    });
    return { form: racing[winner]!, heuristic, candidates: measured };
  } finally {
    for (const contestant of contestants.values()) contestant.dispose();
    workbench.dispose();
  }
}

/** What of a result is worth remembering; undefined where nothing could be measured. */
export function tunedForm({ form, heuristic, candidates }: TuningResult): TunedForm | undefined {
  const timeOf = (one: Form) => candidates.find((candidate) => sameForm(candidate.form, one))?.milliseconds;
  const milliseconds = timeOf(form);
  const heuristicMilliseconds = timeOf(heuristic);
  if (milliseconds === undefined) return undefined;
  const plain = ({ family, tile }: Form): Form => ({ family, tile });
  return {
    form: plain(form),
    milliseconds,
    heuristic: plain(heuristic),
    ...(heuristicMilliseconds !== undefined && { heuristicMilliseconds }),
  };
}

function allWith(candidates: readonly Form[], fault: string): MeasuredForm[] {
  return candidates.map((form) => ({ form, fault }));
}

interface Entry {
  readonly contestant: Contestant;
  readonly outputs: Map<string, Float32Array>;
}

/** Gives a compiled plan its buffers and runs it once; what is wrong with it where that fails. */
async function enter(
  device: GPUDevice,
  workbench: Workbench,
  compiled: CompiledPlan | string,
  pace: Pace,
): Promise<Entry | string> {
  if (typeof compiled === 'string') return compiled;
  const contestant = await orFault(device, () => workbench.bind(compiled));
  if (typeof contestant === 'string') return contestant;
  const outputs = await orFault(device, () => pace.run(() => workbench.run(contestant)));
  if (typeof outputs !== 'string') return { contestant, outputs };
  contestant.dispose();
  return outputs;
}

/** What `work` gives, or the message of the typed error that it ends with; the loss of the device passes through. */
async function orFault<T>(device: GPUDevice, work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (error) {
    assertAlive(device, 'tune');
    if (!(error instanceof ICError) || error instanceof DeviceLostError) throw error;
    return error.message;
  }
}
