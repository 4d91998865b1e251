import { UnsupportedError } from '../errors.js';
import type { OperationPlan } from './plan.js';
import type { DeviceTraits } from './traits.js';

/** The form of a kernel: how it splits the work among invocations. */
export type Family = 'naive' | 'subgroup' | 'tiled' | 'winograd' | 'depthwise';

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
  /** Of the forms that are chosen without measuring: {@link DeviceTraits.largestBody}. */
  readonly largestBody?: number | undefined;
  /** The operation in a form. */
  plan(form: Form): OperationPlan;
}

/** Picks the form of an operation among those that the device runs. */
export type ChooseForm = (request: FormRequest) => Form;

/** A body that compiles within a fraction of a second on most adapters. */
const quickBody = 190;

/** What {@link chooseByCost} knows of a request. */
export type CostRequest = Pick<FormRequest, 'forms' | 'largestBody'>;

/** The cheapest form by the cost model among those that compile quickly. */
export function chooseByCost({ forms, largestBody = quickBody }: CostRequest): RankedForm {
  return forms.find(({ body }) => body <= largestBody) ?? forms.reduce((a, b) => (b.body < a.body ? b : a));
}

/** The choice where nothing is measured: the cost model's, with shared pipelines. */
export function chooseByRule(request: CostRequest): Form {
  return { ...chooseByCost(request), shared: true };
}

/**
 * The plan in the form that `choose` picks, or in the cheapest one of a family that is asked for by name.
 *
 * @throws UnsupportedError for a family that has no form for this shape on this device.
 */
export function planChosen(
  given: FormRequest,
  { choose = chooseByRule, largestBody }: DeviceTraits,
  family?: Family,
): OperationPlan {
  const half = given.forms.some(({ tile }) => tile.half === 1);
  const request = { ...given, key: given.key + (half ? ' float16' : ''), largestBody };
  if (family === undefined) return request.plan(choose(request));
  const forms = request.forms.filter((form) => form.family === family);
  if (forms.length === 0) {
    throw new UnsupportedError({
      operation: request.operation,
      parameter: 'family',
      expected: `one of ${[...new Set(request.forms.map((form) => form.family))].join(', ')} for this shape and device`,
      got: family,
    });
  }
  return request.plan(chooseByRule({ ...request, forms }));
}

/** Forms in the order of their cost. */
export function rankForms(forms: readonly RankedForm[]): RankedForm[] {
  return [...forms].sort((a, b) => a.cost - b.cost);
}
