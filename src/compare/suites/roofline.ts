import { timePair } from '../../measure/samples.js';
import { checkConvolution } from '../../ops/convolution/shape.js';
import type { OperationPlan } from '../../ops/plan.js';
import type { Precision } from '../../ops/precision.js';
import { multiplyAddsOf, planCopy, planMultiplyAdds } from '../../ops/probes.js';
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

/** The adapter's peaks, measured: multiply-adds in a precision. */
export function rooflineTasks(precision: Precision): Task[] {
  return [
    peakTask(
      fmaName,
      planMultiplyAdds(workgroups, rounds, precision),
      {},
      workgroups * multiplyAddsOf(rounds, precision),
    ),
    peakTask(copyName, planCopy(copyBytes / 4), { input: uniformValues(copyBytes / 4, 6) }),
  ];
}

function peakTask(name: string, plan: OperationPlan, values: Record<string, Values>, computed?: number): Task {
  const head = { suite: 'roofline', name, pass: 'forward' } as const;
  return { ...head, covers: () => false, alone: true, run };

  async function run({ device, seconds, keep }: Bench): Promise<Row> {
    const operation = keep(await bindOperation(device, plan, values));
    operation.submit(1);
    if (values.input) checkSame(await operation.output(), values.input, 0);
    else await device.queue.onSubmittedWorkDone();
    const samples = await timePair(device, operation, undefined, { seconds });
    return rowOf(head, samples, {
      peer: undefined,
      family: operation.family,
      ...(computed !== undefined && { multiplyAdds: computed }),
    });
  }
}

/** The peaks out of their rows, by the fastest samples; undefined unless both were measured. */
export function peaksOf(rows: readonly Row[], precision: Precision): Peaks | undefined {
  const fastest = (name: string): number | undefined => {
    const row = rows.find((candidate) => candidate.suite === 'roofline' && candidate.name === name);
    return row && Math.min(...row.samples.ours);
  };
  const [fma, copy] = [fastest(fmaName), fastest(copyName)];
  if (fma === undefined || copy === undefined) return undefined;
  return {
    fmaGflops: (2 * workgroups * multiplyAddsOf(rounds, precision)) / fma / 1e6,
    copyGigabytesPerSecond: (2 * copyBytes) / copy / 1e6,
  };
}

/**
 * What the convolution rows reach of the roofline: the peak of multiply-adds, or what copying every operand once allows
 * where that is less. By the direct algorithm's count, which a Winograd form may surpass.
 */
export function rooflineShares(
  rows: readonly Row[],
  { fmaGflops, copyGigabytesPerSecond }: Peaks,
  precision: Precision,
): RooflineShare[] {
  // A row of ours stands beside each peer; one is enough.
  const found = new Map(rows.map((row) => [`${row.suite} ${row.name} ${row.pass}`, row]));
  const shapes = new Map(namedShapes().map(({ name, shape }) => [name, shape]));
  return [...found.values()].flatMap(({ suite, name, pass, gflops }) => {
    const shape = shapes.get(name);
    if (suite !== 'conv' || gflops === null || !shape) return [];
    const { multiplyAdds, inputBytes, filterBytes, outputBytes } = checkConvolution('roofline', shape);
    const bytes = (inputBytes + filterBytes + outputBytes) / (precision === 'float16' ? 2 : 1);
    const operationsPerByte = (2 * multiplyAdds) / bytes;
    const attainableGflops = Math.min(fmaGflops, operationsPerByte * copyGigabytesPerSecond);
    return [{ name, pass, gflops, attainableGflops, share: gflops / attainableGflops }];
  });
}
