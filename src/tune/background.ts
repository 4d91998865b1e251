import { assertAlive } from '../device/device.js';
import { DeviceLostError, DisposedError, ICError, ShapeError } from '../errors.js';
import { chooseByCost } from '../ops/choose.js';
import type { ChooseForm, Form } from '../ops/forms.js';
import type { DeviceTraits } from '../ops/traits.js';
import { chooserOf, learnMachine, loadKnown, measureUnknown } from './measureUnknown.js';
import { sharedPace } from './pace.js';
import type { TunedForm } from './record.js';
import { measuringOptions, type TuneOptions } from './tune.js';

/** Another form is in use. */
export interface FormSwap {
  /** Name of the network that computes with it from now on. */
  readonly network: string;
  /** The operation's. */
  readonly key: string;
  /** In use up to now. */
  readonly from: Form;
  /** In use from now on. */
  readonly to: Form;
  /** How many times as fast as the cost model's choice it was when measured; left out where that could not be measured. */
  readonly gain?: number;
}

/** A form was found that a network cannot take. */
export interface KeptForm {
  /** Name of the network. */
  readonly network: string;
  /** The operation's. */
  readonly key: string;
  /** What keeps it from doing so. */
  readonly error: ICError;
}

/** How forms are measured while the device is in use, and what happens then. */
export interface BackgroundTuningOptions extends TuneOptions {
  /** As of `tune`; 300 where left out, since the text of a large form keeps the host busy. */
  readonly largestBody?: number;
  /** Of the time, for measuring, while the device is in use; 0.1 where left out. An idle device is used all the time. */
  readonly share?: number;
  /** Called as an operation of a network takes another form. */
  readonly onSwap?: (swap: FormSwap) => void;
  /** Called where a network keeps its form, since it cannot take the one that was found: mostly for want of memory. */
  readonly onKept?: (kept: KeptForm) => void;
}

/** Something compiled that takes other forms while it is in use. */
export interface FormUser {
  /** Of the network. */
  readonly name: string;
  /** Plans all that it computes. */
  plan(traits: DeviceTraits): unknown;
  /**
   * Takes a form for its operations with a key, between two runs, unless it has none.
   *
   * @param onTaken - called at that moment with the form that was in use
   * @throws LimitError and the like, where everything stays as it was.
   */
  take(key: string, form: Form, onTaken: (from: Form) => void): Promise<void>;
}

/** What a network has of a tuner. */
export interface TunerSeat {
  /** What is known by now, and the rule's choice for what is not. */
  readonly choose: ChooseForm;
  /** Has everything measured that a user asks for, and given to it. */
  begin(user: FormUser): void;
  /** Notes that the device is in use. */
  noteUse(): void;
  /** Nothing is given any more. */
  leave(): void;
}

/** Measures on a device that is in use; made by {@link backgroundTuner}. */
export interface BackgroundTuner {
  /**
   * A place for a network that is compiled with it.
   *
   * @throws ShapeError where the network is on another device.
   */
  open(device: GPUDevice): TunerSeat;
  /**
   * Lets a piece of measuring that is due have the device, for a loop of one's own that leaves it no idle time; resolves as soon as
   * there is nothing to wait for, and never rejects. What trains or evaluates in this package does so by itself.
   */
  giveTurn(): Promise<void>;
  /**
   * Resolves once everything is measured that the networks compiled so far ask for.
   *
   * @throws DeviceLostError; the signal's reason; what a callback threw. Measuring has ended then.
   */
  settled(): Promise<void>;
}

const operation = 'backgroundTuner';
/** Writing out the loops of a larger one keeps the host busy for too long. */
const quickBody = 300;

/**
 * Measures the forms of networks that are in use already, and gives them the faster ones: compile any number of networks of a
 * device with one tuner as `tune`. They start with the forms that the store remembers, or else the cost model's. While the device
 * is idle their other forms are compiled, checked and timed, one at a time and in short pieces: a run that comes in waits for
 * the piece at work at most, which is a sample of some milliseconds, or a single run of a form where that takes longer. Nothing
 * waits for a compilation. Between two runs the networks then take the form that was found.
 *
 * @throws ShapeError, DeviceLostError; the signal's reason when aborted.
 */
export async function backgroundTuner(
  device: GPUDevice,
  options: BackgroundTuningOptions = {},
): Promise<BackgroundTuner> {
  const { share = 0.1, signal, onProgress, onSwap, onKept } = options;
  const measuring = measuringOptions(device, { largestBody: quickBody, ...options });
  const { store } = measuring;
  if (!(share > 0 && share <= 1)) {
    throw new ShapeError({ operation, parameter: 'share', expected: 'above 0, 1 at most', got: String(share) });
  }
  assertAlive(device, operation);
  signal?.throwIfAborted();
  const known = await loadKnown(device, store);
  /** Aborted with the signal, or with what a callback threw. */
  const end = new AbortController();
  signal?.addEventListener('abort', () => end.abort(signal.reason), { once: true });
  if (signal?.aborted) end.abort(signal.reason);
  const pace = sharedPace(device, share, end.signal);
  const users = new Set<FormUser>();
  let learnt = false;
  let working: Promise<void> = Promise.resolve();

  /** Tells a caller, whose errors end measuring and nothing else. */
  function tell(work: () => void): void {
    try {
      work();
    } catch (error) {
      end.abort(error);
    }
  }

  async function give(user: FormUser, key: string, found: TunedForm): Promise<void> {
    const { form: to, milliseconds, heuristicMilliseconds: before } = found;
    const gain = before === undefined ? {} : { gain: before / milliseconds };
    try {
      await user.take(key, to, (from) => tell(() => onSwap?.({ network: user.name, key, from, to, ...gain })));
    } catch (error) {
      assertAlive(device, operation);
      if (!(error instanceof ICError) || error instanceof DeviceLostError) throw error;
      // Disposed of meanwhile: nobody is left to know.
      if (error instanceof DisposedError) return;
      tell(() => onKept?.({ network: user.name, key, error }));
    }
  }

  async function work(): Promise<void> {
    end.signal.throwIfAborted();
    if (users.size === 0) return;
    if (!learnt) await learnMachine(device, { store, pace, signal: end.signal });
    learnt = true;
    const planner = (traits: DeviceTraits): void => {
      for (const user of users) user.plan(traits);
    };
    await measureUnknown(device, planner, known, {
      ...measuring,
      pace,
      signal: end.signal,
      onProgress: (progress) => tell(() => onProgress?.(progress)),
      // What the networks compute with already, so that no run ever waits for a much slower form.
      reference: chooseByCost,
      isWanted: () => users.size > 0,
      async onFound({ key }, found) {
        for (const user of users) await give(user, key, found);
        end.signal.throwIfAborted();
      },
    });
    end.signal.throwIfAborted();
  }

  function open(where: GPUDevice): TunerSeat {
    if (where !== device) {
      const expected = 'a tuner of the device of the state';
      throw new ShapeError({ operation: 'compile', parameter: 'tune', expected, got: 'one of another device' });
    }
    const snapshot = new Map(known);
    let seated: FormUser | undefined;
    return {
      choose: chooserOf(snapshot),
      begin(user) {
        seated = user;
        users.add(user);
        // Found while the network was compiled.
        const missed = [...known].filter(([key, found]) => snapshot.get(key) !== found);
        const given = Promise.all(missed.map(([key, found]) => give(user, key, found)));
        working = Promise.all([working, given]).then(work);
        // For whoever asks; nobody has to.
        working.catch(() => {});
      },
      noteUse: pace.noteUse,
      leave() {
        if (seated) users.delete(seated);
        seated = undefined;
      },
    };
  }

  return { open, giveTurn: pace.giveTurn, settled: () => working };
}
