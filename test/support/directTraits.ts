import { chooseByCost } from '../../src/ops/choose.js';
import type { ChooseForm } from '../../src/ops/forms.js';
import { type DeviceTraits, deviceTraits } from '../../src/ops/traits.js';

/** Chooses by cost among all forms but Winograd's, which take more dispatches and memory. */
export const chooseDirect: ChooseForm = (request) =>
  chooseByCost({ ...request, forms: request.forms.filter(({ family }) => family !== 'winograd') });

/** The device's traits without Winograd convolutions, whose error is not that of a plain sum. */
export function directTraits(device: GPUDevice): DeviceTraits {
  return deviceTraits(device, chooseDirect);
}
