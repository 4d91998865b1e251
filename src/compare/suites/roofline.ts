import type { RequestDeviceOptions } from '../../device/device.js';
import { timePair } from '../../measure/samples.js';
import { checkConvolution } from '../../ops/convolution/shape.js';
import { matrixMultiplyAddsOf, planMatrixMultiplyAdds } from '../../ops/matrixProbe.js';
import type { OperationPlan } from '../../ops/plan.js';
import type { Precision } from '../../ops/precision.js';
import { multiplyAddsOf, planCopy, planMultiplyAdds } from '../../ops/probes.js';
import { type DeviceTraits, deviceTraits } from '../../ops/traits.js';
import { checkSame } from '../check.js';
import { bindOperation } from '../ours.js';
import type { Peaks, RooflineShare, Row } from '../rows.js';
import { namedShapes } from '../shapes.js';
import { type Bench, rowOf, type Task } from '../tasks.js';
import { uniformValues, type Values } from '../values.js';

const workgroups = 2048;
const rounds = 64;
const fmaName = 'multiply-adds';

/** Beyond the caches of GPUs. */
const copyBytes = 64 * 2 ** 20;
const copyName = 'copy of 64 MiB';

const matrixName = 'multiply-adds of matrix units';

/** The adapter's peaks, measured: multiply-adds in a precision; those of its matrix units where the device is asked for them. */
export function rooflineTasks(precision: Precision, experimental: RequestDeviceOptions['experimental'] = []): Task[] {
  const input = uniformValues(copyBytes / 4, 6);
  return [
    peakTask(
      fmaName,
      () => planMultiplyAdds(workgroups, rounds, precision),
      {},
      () => workgroups * multiplyAddsOf(rounds, precision),
    ),
    peakTask(copyName, () => planCopy(copyBytes / 4), { input }),
    ...(experimental.includes('subgroup-matrix') ? [matrixTask()] : []),
  ];
}

function matrixTask(): Task {
  return peakTask(
    matrixName,
    (traits) => planMatrixMultiplyAdds(workgroups, rounds, traits),
    {},
    (traits) => workgroups * matrixMultiplyAddsOf(rounds, traits),
  );
}

function peakTask(
  name: string,
  planFor: (traits: DeviceTraits) => OperationPlan,
  values: Record<string, Values>,
  computed?: (traits: DeviceTraits) => number,
): Task {
  const head = { suite: 'roofline', name, pass: 'forward' } as const;
  return { ...head, covers: () => false, alone: true, run };

  async function run({ device, seconds, keep }: Bench): Promise<Row> {
    const traits = deviceTraits(device);
    const plan = planFor(traits);
    const operation = keep(await bindOperation(device, plan, values));
    operation.submit(1);
    if (values.input) checkSame(await operation.output(), values.input, 0);
    else await device.queue.onSubmittedWorkDone();
    const samples = await timePair(device, operation, undefined, { seconds });
    return rowOf(head, samples, {
      peer: undefined,
      family: operation.family,
      ...(computed !== undefined && { multiplyAdds: computed(traits) }),
    });
  }
}

/** The peaks out of their rows, by the fastest samples; undefined unless both were measured. */
export function peaksOf(rows: readonly Row[], precision: Precision): Peaks | undefined {
  const rowOfPeak = (name: string) => rows.find((row) => row.suite === 'roofline' && row.name === name);
  const fastest = (name: string): number | undefined => {
    const row = rowOfPeak(name);
    return row && Math.min(...row.samples.ours);
  };
  const [fma, copy] = [fastest(fmaName), fastest(copyName)];
  if (fma === undefined || copy === undefined) return undefined;
  const matrix = rowOfPeak(matrixName);
  return {
    ...(matrix && { matrixGflops: (matrix.gflops! * matrix.oursMs) / fastest(matrixName)! }),
    fmaGflops: (2 * workgroups * multiplyAddsOf(rounds, precision)) / fma / 1e6,
    copyGigabytesPerSecond: (2 * copyBytes) / copy / 1e6,
  };
}

/**
 * What the convolution rows reach of the roofline: the peak of multiply-adds, those of matrix units where these multiply, or what
 * copying every operand once allows where that is less. By the direct algorithm's count, which a Winograd form may surpass.
 */
export function rooflineShares(rows: readonly Row[], peaks: Peaks, precision: Precision): RooflineShare[] {
  const { fmaGflops, matrixGflops = fmaGflops, copyGigabytesPerSecond } = peaks;
  // A row of ours stands beside each peer; one is enough.
  const found = new Map(rows.map((row) => [`${row.suite} ${row.name} ${row.pass}`, row]));
  const shapes = new Map(namedShapes().map(({ name, shape }) => [name, shape]));
  return [...found.values()].flatMap(({ suite, name, pass, gflops, family }) => {
    const shape = shapes.get(name);
    if (suite !== 'conv' || gflops === null || !shape) return [];
    const { multiplyAdds, inputBytes, filterBytes, outputBytes } = checkConvolution('roofline', shape);
    const bytes = (inputBytes + filterBytes + outputBytes) / (precision === 'float16' ? 2 : 1);
    const attainableGflops = Math.min(
      family === 'matrix units' ? matrixGflops : fmaGflops,
      ((2 * multiplyAdds) / bytes) * copyGigabytesPerSecond,
    );
    return [{ name, pass, gflops, attainableGflops, share: gflops / attainableGflops }];
  });
}
