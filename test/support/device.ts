import type { NodeDevice } from '../../src/device/node.js';
import { openDevice } from '../../src/openDevice.js';

let opening: Promise<NodeDevice> | undefined;

async function open(): Promise<NodeDevice> {
  const { ICNET_TEST_ADAPTER: adapter = 'auto', ICNET_TEST_MATRIX } = process.env;
  const experimental = ICNET_TEST_MATRIX === 'required' ? (['subgroup-matrix'] as const) : [];
  const opened = await openDevice({ adapter, label: 'tests', experimental });
  const { vendor, architecture, description } = opened.adapter;
  process.stdout.write(`adapter: ${vendor} ${architecture}, ${description}\n`);
  return opened;
}

/**
 * The device of this test file, opened at the first call; ICNET_TEST_ADAPTER names the adapter, `auto` without it, and
 * ICNET_TEST_MATRIX `required` asks for its matrix units.
 */
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
