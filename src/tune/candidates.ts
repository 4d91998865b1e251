import { type CostRequest, chooseByCost } from '../ops/choose.js';
import { cheapestFirst, type Form, type RankedForm } from '../ops/forms.js';

export interface CandidateLimits {
  /** Forms that take part; those that have to may be more. */
  readonly count: number;
  /** The largest {@link RankedForm.body} that is compiled. */
  readonly largestBody: number;
}

/** Near relatives tell little: a kind's fourth form takes the place of another kind's first. */
const mostOfKind = 3;
/** Forms with a larger body compile for seconds on some adapters, so the cheapest of them alone is tried. */
const slowBody = 450;
/** The model is not that wrong. */
const hopelessCost = 8;
/** Winograd's cost leaves out most of what memory costs, so both of its tiles are tried. */
const winogradCost = 3;

/** A family, and whether it reads buffers or textures. */
function kindOf({ family, tile: { textures = 0 } }: Form): string {
  return `${family} ${textures}`;
}

/**
 * The forms worth measuring, cheapest first: the choice of the cost model, both Winograd tiles unless they are expected to be
 * far off, and then the cheapest ones of several kinds.
 */
export function pickCandidates(request: CostRequest, limits: CandidateLimits): RankedForm[] {
  const cheapest = Math.min(...request.forms.map(({ cost }) => cost));
  const compiled = cheapestFirst(request.forms).filter(({ body }) => body <= limits.largestBody);
  const winograds = compiled.filter(({ family, cost }) => family === 'winograd' && cost <= winogradCost * cheapest);
  const picked = new Set([chooseByCost(request), ...winograds]);
  for (const form of compiled.filter(({ cost }) => cost <= hopelessCost * cheapest)) {
    const relatives = [...picked].filter((other) => kindOf(other) === kindOf(form));
    const slow = form.body > slowBody && [...picked].some(({ body }) => body > slowBody);
    if (picked.size < limits.count && relatives.length < mostOfKind && !slow) picked.add(form);
  }
  return cheapestFirst(picked);
}
