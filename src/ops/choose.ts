import { UnsupportedError } from '../errors.js';
import type { Family, Form, FormRequest, RankedForm } from './forms.js';
import type { OperationPlan } from './plan.js';
import type { DeviceTraits } from './traits.js';

/** A body that compiles within a fraction of a second on most adapters. */
const quickBody = 300;

/** What {@link chooseByCost} knows of a request. */
export type CostRequest = Pick<FormRequest, 'forms' | 'largestBody'>;

/** The cheapest form by the cost model among those that compile quickly; a naive one only where there is no other. */
export function chooseByCost({ forms, largestBody = quickBody }: CostRequest): RankedForm {
  const others = forms.filter(({ family }) => family !== 'naive');
  const offered = others.length > 0 ? others : forms;
  return offered.find(({ body }) => body <= largestBody) ?? offered.reduce((a, b) => (b.body < a.body ? b : a));
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
  const matrix = given.forms.some((form) => form.family === 'matrix');
  const request = { ...given, key: given.key + (half ? ' float16' : '') + (matrix ? ' matrix' : ''), largestBody };
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
