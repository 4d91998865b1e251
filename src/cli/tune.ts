import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UnsupportedError } from '../errors.js';
import { planInferenceIn } from '../graph/half.js';
import type { Network } from '../graph/network.js';
import { planTraining } from '../graph/trainingPlan.js';
import { readWhole } from '../io/fileError.js';
import { namingKind } from '../io/fileKind.js';
import { geometricMean } from '../measure/statistics.js';
import { chooseByCost } from '../ops/choose.js';
import type { ChooseForm, Form } from '../ops/forms.js';
import { checkPrecision, type Precision } from '../ops/precision.js';
import { type DeviceTraits, deviceTraits, machineOf } from '../ops/traits.js';
import { openForCommand } from '../terminal/adapter.js';
import { interruptSignal } from '../terminal/interrupt.js';
import { type Output, rounded, sayApart, table } from '../terminal/output.js';
import { requireWritable, writeResult } from '../terminal/writing.js';
import { sameForm, type TunedForm, tuningScope } from '../tune/record.js';
import { exportTuning, importTuning, type TuningStore } from '../tune/store.js';
import { type TuneProgress, tune as tuneForms } from '../tune/tune.js';
import { machineLine } from './info.js';
import { findNetwork, type SummaryFlags } from './summary.js';
import { cachedTuning, measuringBar } from './tuning.js';

export interface TuneFlags extends SummaryFlags {
  readonly adapter: string;
  readonly network?: string;
  readonly batch: number;
  readonly training: boolean;
  readonly precision: Precision;
  readonly export?: string;
  readonly import?: string;
}

type Planner = (traits: DeviceTraits) => unknown;

/** `icnet tune`. */
export async function tune(flags: TuneFlags, output: Output): Promise<void> {
  if (flags.network === undefined && flags.import === undefined && flags.export === undefined) {
    const expected = 'at least one of --network, --import and --export';
    throw new UnsupportedError({ operation: 'tune', parameter: 'options', expected, got: 'none' });
  }
  if (flags.export !== undefined) await requireWritable('tune', '--export', flags.export);
  const network = flags.network === undefined ? undefined : await findNetwork(flags.network, flags);
  const opened = await openForCommand(flags.adapter, output);
  try {
    const { device } = opened;
    const store = cachedTuning(output);
    if (flags.import !== undefined) await importFile(device, store, flags.import, output);
    if (network) await tuneNetwork(device, store, network, flags, output);
    if (flags.export !== undefined) {
      await mkdir(dirname(flags.export), { recursive: true });
      const file = await writeResult(flags.export, await exportTuning(device, store), output);
      output.emit({ event: 'export', file });
      output.say(`Exported: ${file}`);
    }
  } finally {
    opened.close();
  }
}

async function importFile(device: GPUDevice, store: TuningStore, path: string, output: Output): Promise<void> {
  const bytes = await readWhole('tune', path);
  const { adapter, results } = await importTuning(store, new TextDecoder().decode(bytes), path).catch(
    (error: unknown) => {
      throw namingKind(error, bytes, 'tune', path, 'JSON');
    },
  );
  output.emit({ event: 'import', file: path, adapter, results: results.size });
  const own = adapter === tuningScope(device).adapter;
  output.say(`Imported: ${results.size} operations for ${own ? 'this adapter' : `another adapter, ${adapter}`}`);
}

async function tuneNetwork(
  device: GPUDevice,
  store: TuningStore,
  network: Network,
  { batch, training, precision }: TuneFlags,
  output: Output,
): Promise<void> {
  checkPrecision(device, 'tune', precision);
  const planner: Planner = (traits) =>
    training
      ? planTraining(network, batch, { precision }, traits)
      : planInferenceIn(network, batch, { memory: 'fastest', precision }, traits);
  const interrupt = interruptSignal(() => sayApart('Stopping; what was measured is remembered.', output));
  const bar = measuringBar(output);
  const dropped: string[] = [];
  let measured = 0;
  const onProgress = (progress: TuneProgress): void => {
    measured = progress.tuned;
    dropped.push(...faultsOf(progress));
    bar.onProgress(progress);
  };
  try {
    const choose = await tuneForms(device, planner, { store, signal: interrupt.signal, onProgress });
    bar.stop();
    output.say(machineLine(machineOf(deviceTraits(device)), true));
    const known = await store.load(tuningScope(device));
    const choices = choicesOf(device, planner, choose, known);
    report(choices, output);
    const ratios = choices.flatMap(({ tuned }) => ratioOf(tuned) ?? []);
    const mean = ratios.length === 0 ? null : geometricMean(ratios);
    if (mean !== null)
      output.say(`By cost: ${mean.toFixed(2)} times as long, in the mean of ${ratios.length} operations`);
    for (const line of dropped) output.say(line);
    const head = { event: 'done', network: network.name, batch, training, precision };
    output.emit({ ...head, measured, heuristicRatio: mean });
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
  } finally {
    bar.stop();
    interrupt.release();
  }
}

function faultsOf({ key, result }: TuneProgress): string[] {
  return result.candidates.flatMap(({ form, fault }) =>
    fault === undefined ? [] : [`Dropped: ${key}: ${formName(form)}: ${fault}`],
  );
}

/** The form of an operation that the network has, and what was measured of it, if anything. */
interface Choice {
  readonly key: string;
  readonly operation: string;
  readonly form: Form;
  readonly heuristic: Form;
  readonly tuned: TunedForm | undefined;
}

function choicesOf(
  device: GPUDevice,
  planner: Planner,
  choose: ChooseForm,
  known: ReadonlyMap<string, TunedForm>,
): Choice[] {
  const choices = new Map<string, Choice>();
  const note: ChooseForm = (request) => {
    const { key, operation } = request;
    const form = choose(request);
    const found = known.get(key);
    const tuned = found && sameForm(found.form, form) ? found : undefined;
    choices.set(key, { key, operation, form, heuristic: tuned?.heuristic ?? chooseByCost(request), tuned });
    return form;
  };
  planner(deviceTraits(device, note));
  return [...choices.values()];
}

/** How many times as long as the fastest form the cost model's takes, where both were measured. */
function ratioOf(tuned: TunedForm | undefined): number | undefined {
  return tuned?.heuristicMilliseconds && tuned.heuristicMilliseconds / tuned.milliseconds;
}

function report(choices: readonly Choice[], output: Output): void {
  for (const { key, operation, form, heuristic, tuned } of choices) {
    const plain = ({ family, tile }: Form): Form => ({ family, tile });
    output.emit({
      event: 'tuned',
      key,
      operation,
      form: plain(form),
      milliseconds: tuned?.milliseconds ?? null,
      heuristic: plain(heuristic),
      heuristicMilliseconds: tuned?.heuristicMilliseconds ?? null,
    });
  }
  if (output.json) return;
  const time = (milliseconds: number | undefined): string => (milliseconds === undefined ? '-' : rounded(milliseconds));
  const rows = choices.map(({ key, form, heuristic, tuned }) => {
    const ratio = ratioOf(tuned);
    return [
      ...operationAndShape(key),
      formName(heuristic),
      time(tuned?.heuristicMilliseconds),
      formName(form),
      time(tuned?.milliseconds),
      ratio === undefined ? '-' : `${ratio.toFixed(2)} x`,
    ];
  });
  const head = ['Operation', 'Shape', 'By cost', 'ms', 'By measurement', 'ms', 'Speed-up'];
  for (const line of table([head, ...rows])) output.say(line);
}

/** A key's words ahead of its first size, and the rest. */
function operationAndShape(key: string): [operation: string, shape: string] {
  const start = key.search(/ \d/);
  return start < 0 ? [key, ''] : [key.slice(0, start), key.slice(start + 1)];
}

/** A form's family with the sizes of its tile. */
function formName({ family, tile }: Form): string {
  const sizes = Object.values(tile);
  return sizes.length === 0 ? family : `${family}(${sizes.join(',')})`;
}
