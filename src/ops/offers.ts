import { type OfferedForm, type RankedForm, rankForms } from './forms.js';
import { type DeviceTraits, machineOf } from './traits.js';

/**
 * The forms of an operation with their costs, cheapest first. Where the traits remember offers, those of equal operations are counted
 * out once: a network has many, and one that is planned again has the same.
 *
 * @param of - all that the forms depend on besides the traits
 */
export function offer(traits: DeviceTraits, of: unknown, forms: () => readonly OfferedForm[]): readonly RankedForm[] {
  const { offers } = traits;
  const key = offers && JSON.stringify([of, { ...traits, offers: 0, machine: 0 }]);
  const known = offers?.get(key!) ?? rankForms(forms(), machineOf(traits));
  offers?.set(key!, known);
  return known;
}
