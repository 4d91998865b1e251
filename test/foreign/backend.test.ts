import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { operatorNames } from '../../src/onnx/signatures.js';
import { decodeOnnx } from '../../src/onnx.js';
import { inferOnDevice } from '../networks/deviceRun.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { nchwToNhwc } from '../support/layout.js';
import { type BackendTest, readBackendTests } from './backend.js';
import { backendTests } from './fetch.js';
import { outcomeOf, relativeError } from './run.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

const folder = backendTests();
const tests = ['node', 'simple', 'pytorch-operator', 'pytorch-converted'].flatMap((part) =>
  readBackendTests(join(folder, part)).map((test) => ({ ...test, name: `${part}/${test.name}` })),
);
const known = (operator: string): boolean => (operatorNames as readonly string[]).includes(operator);

it("agrees with onnx's own tests of what is read", async () => {
  const results: Record<string, string[]> = { taken: [], refused: [], unfit: [], wrong: [], other: [] };
  for (const test of tests) {
    if (!test.operators.every(known)) results.other!.push(test.name);
    else if ('reason' in test) results.unfit!.push(`${test.name} ${test.operators}: ${test.reason}`);
    else {
      try {
        const [kind, text] = await resultOf(test);
        results[kind]!.push(`${test.name} ${test.operators}: ${text}`);
      } catch (error) {
        results.wrong!.push(`${test.name} ${test.operators}: ${(error as Error).message.slice(0, 300)}`);
      }
    }
  }
  const { writeFileSync } = await import('node:fs');
  writeFileSync('/tmp/onnxw/backend.json', JSON.stringify(results, null, 1));
  console.log(
    Object.entries(results)
      .map(([kind, list]) => `${kind} ${list.length}`)
      .join(', '),
  );
  expect(results.wrong).toEqual([]);
});

async function resultOf({
  file,
  images,
  sizes,
  expected,
  name,
}: BackendTest): Promise<['taken' | 'refused' | 'wrong', string]> {
  const read = outcomeOf(() => decodeOnnx(file, { name }));
  if ('reason' in read) return ['refused', read.reason];
  const { network, values } = read.value;
  const got = await inferOnDevice(device, network, values, nchwToNhwc(images, sizes));
  const error = relativeError(got, inOurOrder(expected));
  return [error < 1e-4 ? 'taken' : 'wrong', `${error} ${expected.dims}`];
}

/** Images as [N, H, W, C]. */
function inOurOrder({ dims, values }: BackendTest['expected']): Float32Array {
  if (dims.length < 3) return values;
  const [images, channels, height, width = 1] = dims as [number, number, number, number?];
  return nchwToNhwc(values, [images, channels, height, width]);
}
