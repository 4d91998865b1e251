import type { AdapterDescription } from '../device/adapter.js';
import type { RequestDeviceOptions } from '../device/device.js';
import type { NodeDevice } from '../device/node.js';
import { openDevice } from '../openDevice.js';
import type { Output } from './output.js';

/** Opens the device that a command asked for and says which one it is, and how to get a faster one. */
export async function openForCommand(
  adapter: string,
  output: Output,
  asked: Pick<RequestDeviceOptions, 'without' | 'experimental'> = {},
): Promise<NodeDevice> {
  const opened = await openDevice({ adapter, quiet: true, ...asked });
  output.say(`Adapter: ${adapterName(opened.adapter)}`);
  if (opened.hint) output.say(opened.hint);
  return opened;
}

/** An adapter in a few words. */
export function adapterName({ description, vendor, architecture, device, software }: AdapterDescription): string {
  const names = [vendor, architecture, device].filter((part) => part !== '').join(' ');
  return `${names}${description && ` (${description})`}${software ? ', in software' : ''}`;
}
