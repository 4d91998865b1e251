import type { ChooseForm, Form } from '../ops/forms.js';
import type { BufferRange } from '../ops/plan.js';
import type { DeviceTraits } from '../ops/traits.js';
import type { TunerSeat } from '../tune/background.js';
import { sameForm } from '../tune/record.js';
import { type BoundOperations, bindOperations, type NotedForms, noteForms } from './compile.js';
import type { NetworkOperation } from './operations.js';

/** Something compiled that is to take forms that are found later. */
export interface Adopting {
  /** Of the network. */
  readonly name: string;
  readonly device: GPUDevice;
  /** Its operations with some traits. */
  operations(traits: DeviceTraits): readonly NetworkOperation[];
  /** Those that it was planned with, but for `choose`. */
  readonly traits: DeviceTraits;
  /** What it was planned with. */
  readonly noted: NotedForms;
  /** What its operations became at first. */
  readonly bound: BoundOperations;
  /** Tensors with buffers of their own, and those that outlive the last operation, as for `bindOperations`. */
  readonly external: ReadonlyMap<string, BufferRange>;
  readonly kept: readonly string[];
  /** Puts others in their place. */
  replace(bound: BoundOperations): void;
}

/** The taking of forms by something compiled. */
export interface Adoption {
  /** What it computes with now. */
  readonly forms: ReadonlyMap<string, Form>;
  /** Notes a use, after which the forms may change. */
  noteUse(): void;
  /** Notes a use up to {@link release}, in which the forms stay. */
  hold(): void;
  release(): void;
  /** Ends it, and frees what took the place of the first operations. */
  leave(): void;
}

/** Other operations that are ready, and what is to be told when they take their place. */
interface Ready {
  readonly bound: BoundOperations;
  readonly noted: NotedForms;
  tell(): void;
}

/** Takes forms that a tuner finds, one at a time, as soon as nothing holds those in use. */
export function adopt(seat: TunerSeat, user: Adopting): Adoption {
  const { name, operations, traits, noted, replace } = user;
  const taken = new Map<string, Form>();
  let inUse = noted;
  let replacing: BoundOperations | undefined;
  let ready: Ready | undefined;
  let held = false;
  let left = false;
  let turn: Promise<void> = Promise.resolve();

  /** Forms as they were chosen at first, but for those that are taken. */
  const chooser =
    (forms: ReadonlyMap<string, Form>): ChooseForm =>
    (request) => {
      const wanted = forms.get(request.key);
      const form = wanted && request.forms.find((one) => sameForm(one, wanted));
      return form ?? seat.choose(request);
    };

  function takeReady(): void {
    if (!ready || held) return;
    const { bound, noted, tell } = ready;
    ready = undefined;
    replace(bound);
    replacing?.dispose();
    replacing = bound;
    inUse = noted;
    tell();
  }

  async function take(key: string, form: Form, onFormTaken: (from: Form) => void): Promise<void> {
    const before = (ready?.noted ?? inUse).forms.get(key);
    if (left) return;
    if (!before || isInUse(before, form)) {
      // For what another form asks for inside.
      taken.set(key, form);
      return;
    }
    const noted = noteForms(chooser(new Map(taken).set(key, form)));
    const others = operations({ ...traits, choose: noted.choose });
    // Which forms an operation has depends on its place in the network, too.
    if (!isInUse(noted.forms.get(key), form)) return;
    const bound = await bindBeside(user, others);
    if (left) {
      bound.dispose();
      return;
    }
    taken.set(key, form);
    const earlier = ready;
    earlier?.bound.dispose();
    ready = {
      bound,
      noted,
      tell() {
        earlier?.tell();
        onFormTaken(before);
      },
    };
    takeReady();
  }

  seat.begin({
    name,
    plan: operations,
    take(key, form, onFormTaken) {
      const taking = turn.then(() => take(key, form, onFormTaken));
      turn = taking.catch(() => {});
      return taking;
    },
  });
  return {
    get forms() {
      return inUse.forms;
    },
    noteUse: seat.noteUse,
    hold() {
      held = true;
      seat.noteUse();
    },
    release() {
      held = false;
      takeReady();
    },
    leave() {
      left = true;
      ready?.bound.dispose();
      ready = undefined;
      replacing?.dispose();
      seat.leave();
    },
  };
}

/** Binds operations in the memory of the first ones, in which what is kept stays where it is, and more where that does not do. */
function bindBeside(
  { device, bound: { arena, memory }, external, kept }: Adopting,
  operations: readonly NetworkOperation[],
): Promise<BoundOperations> {
  const places = new Map([...memory.places].filter(([tensor]) => kept.includes(tensor)));
  return bindOperations(device, operations, external, kept, {}, { arena, memory: { ...memory, places } });
}

/** Whether it is the same kernel, and not one that serves other shapes, too. */
function isInUse(inUse: Form | undefined, form: Form): boolean {
  return inUse !== undefined && sameForm(inUse, form) && !inUse.shared;
}
