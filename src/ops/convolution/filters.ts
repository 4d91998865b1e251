import inOrderText from '../../../kernels/shared/filters_in_order.wgsl?raw';
import turnedText from '../../../kernels/shared/filters_turned.wgsl?raw';

/**
 * The shared text that says as what a kernel reads its filters: with `turned` from their last tap to the first, their channels
 * exchanged, as the input gradient needs them.
 */
export function filtersText(turned: boolean): string {
  return turned ? turnedText : inOrderText;
}
