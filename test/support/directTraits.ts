import { chooseByCost } from '../../src/ops/forms.js';
import { type DeviceTraits, deviceTraits } from '../../src/ops/traits.js';

/** The device's traits without Winograd convolutions, whose error is not that of a plain sum. */
export function directTraits(device: GPUDevice): DeviceTraits {
  return deviceTraits(device, (request) =>
    chooseByCost({ ...request, forms: request.forms.filter(({ family }) => family !== 'winograd') }),
  );
}
