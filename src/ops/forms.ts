import { UnsupportedError } from '../errors.js';
import type { OperationPlan } from './plan.js';

/** The form of a kernel: how it splits the work among invocations. */
export type Family = 'naive' | 'subgroup' | 'tiled' | 'winograd' | 'depthwise';

/** One way to compute an operation: a family, and the numbers of its tile. */
export interface Form {
  /** How the work is split. */
  readonly family: Family;
  /** The sizes of the split, by names that differ by family. */
  readonly tile: Readonly<Record<string, number>>;
}

/** A form with what the cost model expects of it. */
export interface RankedForm extends Form {
  /** Expected time, in vector multiply-adds of one subgroup. */
  readonly cost: number;
  /** Multiply-adds and loads that the kernel's text holds: what compiling takes time for. */
  readonly body: number;
}

/** A choice among forms: asked of {@link DeviceTraits.choose} for every operation that has more than one. */
export interface FormRequest {
  /** Operation, shape and options in words, and whether float16 is allowed; the same key means the same forms. */
  readonly key: string;
  /** For messages. */
  readonly operation: string;
  /** Cheapest first; all of them run on the device. */
  readonly forms: readonly RankedForm[];
  /** The operation in a form. */
  plan(form: Form): OperationPlan;
}

/** Picks the form of an operation among those that the device runs. */
export type ChooseForm = (request: FormRequest) => Form;

/** A body that compiles within a fraction of a second on every adapter. */
const quickBody = 190;
/** One that takes half as long again, which a training's many steps are worth. */
const trainingBody = 300;

/** The cheapest form by the cost model among those that compile quickly: the choice where nothing is measured. */
export function chooseByCost({ forms }: Pick<FormRequest, 'forms'>, largest = quickBody): RankedForm {
  return forms.find(({ body }) => body <= largest) ?? forms.reduce((a, b) => (b.body < a.body ? b : a));
}

/** The choice for training where nothing is measured. */
export function chooseForTraining({ forms }: FormRequest): RankedForm {
  return chooseByCost({ forms }, trainingBody);
}

/**
 * The plan in the form that `choose` picks, or in the cheapest one of a family that is asked for by name.
 *
 * @throws UnsupportedError for a family that has no form for this shape on this device.
 */
export function planChosen(request: FormRequest, choose: ChooseForm = chooseByCost, family?: Family): OperationPlan {
  if (family === undefined) {
    const half = request.forms.some(({ tile }) => tile.half === 1);
    return request.plan(choose(half ? { ...request, key: `${request.key} float16` } : request));
  }
  const forms = request.forms.filter((form) => form.family === family);
  if (forms.length === 0) {
    throw new UnsupportedError({
      operation: request.operation,
      parameter: 'family',
      expected: `one of ${[...new Set(request.forms.map((form) => form.family))].join(', ')} for this shape and device`,
      got: family,
    });
  }
  return request.plan(chooseByCost({ ...request, forms }));
}

/** Forms in the order of their cost. */
export function rankForms(forms: readonly RankedForm[]): RankedForm[] {
  return [...forms].sort((a, b) => a.cost - b.cost);
}
