import { type NodeDevice, openDevice } from '../../src/device/node.js';

let opening: Promise<NodeDevice> | undefined;

async function open(): Promise<NodeDevice> {
  const opened = await openDevice({ adapter: process.env.ICNET_TEST_ADAPTER ?? 'auto', label: 'tests' });
  const { vendor, architecture, description } = opened.adapter;
  process.stdout.write(`adapter: ${vendor} ${architecture}, ${description}\n`);
  return opened;
}

/** The device of this test file, opened at the first call; ICNET_TEST_ADAPTER names the adapter, `auto` without it. */
export function testDevice(): Promise<NodeDevice> {
  opening ??= open();
  return opening;
}

/** For `afterAll`: closes the device where one was opened. */
export async function closeTestDevice(): Promise<void> {
  const opened = await opening;
  opened?.close();
  opening = undefined;
}
