import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { operatorNames } from '../../src/onnx/signatures.js';
import { decodeOnnx } from '../../src/onnx.js';
import { inferOnDevice } from '../networks/deviceRun.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { nchwToNhwc } from '../support/layout.js';
import { type BackendTest, readBackendTests } from './backend.js';
import { backendReport, type Result } from './backendReport.js';
import { backendTests } from './fetch.js';
import { outcomeOf, relativeError } from './run.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

const tests = ['node', 'simple', 'pytorch-operator', 'pytorch-converted'].flatMap((part) =>
  readBackendTests(join(backendTests(), part)),
);
const isRead = (operator: string): boolean => (operatorNames as readonly string[]).includes(operator);

it("gives what onnx's own tests expect of operators that are read; docs/onnx-operators.md says of which", async () => {
  const results: Result[] = [];
  for (const test of tests) {
    const { name, operators } = test;
    if (!operators.every(isRead)) results.push({ name, operators, kind: 'other', text: '' });
    else if ('reason' in test) results.push({ name, operators, kind: 'unfit', text: test.reason });
    else results.push({ name, operators, ...(await resultOf(test)) });
  }
  expect(results.filter(({ kind }) => kind === 'wrong')).toEqual([]);
  await expect(backendReport(results)).toMatchFileSnapshot('../../docs/onnx-operators.md');
});

async function resultOf({ file, images, sizes, expected, name }: BackendTest): Promise<Pick<Result, 'kind' | 'text'>> {
  const read = outcomeOf(() => decodeOnnx(file, { name }));
  if ('reason' in read) return { kind: 'refused', text: read.reason };
  const { network, values } = read.value;
  const got = await inferOnDevice(device, network, values, nchwToNhwc(images, sizes));
  const error = relativeError(got, inOurOrder(expected));
  return { kind: error < 1e-4 ? 'taken' : 'wrong', text: `${error} of [${expected.dims}]` };
}

/** Images as [N, H, W, C]. */
function inOurOrder({ dims, values }: BackendTest['expected']): Float32Array {
  if (dims.length < 3) return values;
  const [images, channels, height, width = 1] = dims as [number, number, number, number?];
  return nchwToNhwc(values, [images, channels, height, width]);
}
