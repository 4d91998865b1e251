import { type DispatchWork, type Machine, machineTime } from './machine.js';
import type { OperationPlan } from './plan.js';

/** The form of a kernel: how it splits the work among invocations. */
export type Family = 'naive' | 'subgroup' | 'tiled' | 'matrix' | 'winograd' | 'depthwise' | 'grouped';

/** One way to compute an operation: a family, and the numbers of its tile. */
export interface Form {
  /** How the work is split. */
  readonly family: Family;
  /** The sizes of the split, by names that differ by family. */
  readonly tile: Readonly<Record<string, number>>;
  /**
   * Whether pipelines may serve other shapes, too, which saves compiling and may cost a few per cent of speed. Default false:
   * they know their shape.
   */
  readonly shared?: boolean;
}

/** A form with what its dispatches have to do. */
export interface OfferedForm extends Form {
  /** One dispatch behind the other. */
  readonly work: readonly DispatchWork[];
  /** Multiply-adds and loads that the kernel's text holds: what compiling takes time for. */
  readonly body: number;
}

/** A form with what the cost model expects of it. */
export interface RankedForm extends OfferedForm {
  /** Expected time, in multiply-adds that the whole machine could make meanwhile. */
  readonly cost: number;
}

/** A choice among forms: asked of {@link DeviceTraits.choose} for every operation that has more than one. */
export interface FormRequest {
  /** Operation, shape and options in words, and whether float16 is allowed; the same key means the same forms. */
  readonly key: string;
  /** For messages. */
  readonly operation: string;
  /** Cheapest first; all of them run on the device. */
  readonly forms: readonly RankedForm[];
  /** Of the forms that are chosen without measuring: {@link DeviceTraits.largestBody}. */
  readonly largestBody?: number | undefined;
  /** The operation in a form. */
  plan(form: Form): OperationPlan;
}

/** Picks the form of an operation among those that the device runs. */
export type ChooseForm = (request: FormRequest) => Form;

/** Forms with their cost on a machine, cheapest first. */
export function rankForms(forms: readonly OfferedForm[], machine: Machine): RankedForm[] {
  return cheapestFirst(forms.map((form) => ({ ...form, cost: machineTime(form.work, machine) })));
}

/** Forms in the order of their cost. */
export function cheapestFirst(forms: Iterable<RankedForm>): RankedForm[] {
  return [...forms].sort((a, b) => a.cost - b.cost);
}
