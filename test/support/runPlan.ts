import { readBuffer } from '../../src/device/buffers.js';
import { guard } from '../../src/device/errorScopes.js';
import { createTexture, destroyTexture, textureBytes } from '../../src/device/textures.js';
import { decodeFloats, encodeFloats } from '../../src/io/floats.js';
import { ownTextures } from '../../src/ops/operation.js';
import {
  type BufferRange,
  bindPlan,
  compilePlan,
  type Operand,
  type OperationPlan,
  type TextureOperand,
} from '../../src/ops/plan.js';

/** Values of an operand: float32, which are rounded for a float16 operand, or uint32 for indices and counts. */
export type Values = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** What the `output` and `inout` operands hold after a run, by name. */
export interface Outputs {
  /**
   * Of a float16 operand all that its bytes hold, one more than its elements where these are odd in number.
   *
   * @throws Error for an operand that the plan does not write
   */
  floats(name: string): Float32Array<ArrayBuffer>;
  /** The same bits. */
  integers(name: string): Uint32Array<ArrayBuffer>;
}

export interface RunOptions {
  /** How often the plan is encoded, one dispatch behind the other; 1 by default. */
  readonly times?: number;
}

/** Both are NaN as float32 and as two float16: what is read from there shows, and so does what is left unwritten. */
const guardBits = 0x7fedfeed;
const poisonBits = 0x7fc0fead;

const alignment = 256;

interface Placed {
  readonly name: string;
  readonly operand: Operand;
  /** In elements of 4 bytes. */
  readonly first: number;
  readonly count: number;
}

/**
 * Runs a plan and returns what it wrote.
 *
 * All operands but uniforms and textures lie in one buffer, as in an arena: each at an offset of 256 bytes or more behind the
 * one before. What lies between them is a guard. Outputs, scratch and prepared operands hold NaN beforehand.
 *
 * @param inputs values for every `input`, `inout` and `uniform` operand, as many as its bytes hold
 * @throws Error where a value is missing or has the wrong size, the device reports an error, a guard was written to, or
 * an input changed
 */
export async function runPlan(
  device: GPUDevice,
  plan: OperationPlan,
  inputs: Readonly<Record<string, Values>>,
  { times = 1 }: RunOptions = {},
): Promise<Outputs> {
  checkInputs(plan, inputs);
  const compiled = await compilePlan(device, plan);
  const { placed, length } = place(plan);
  const before = initialContents(placed, length, inputs);
  const made: { destroy(): void }[] = [];
  const createPoisoned = (operand: TextureOperand): GPUTexture => {
    const { width, height } = operand;
    const texture = createTexture(device, { label: 'texture', ...operand, usage: GPUTextureUsage.COPY_DST });
    const bytes = textureBytes(operand);
    const poison = new Uint32Array(bytes / 4).fill(poisonBits);
    device.queue.writeTexture({ texture }, poison, { bytesPerRow: bytes / height }, [width, height]);
    made.push({ destroy: () => destroyTexture(device, texture) });
    return texture;
  };
  const create = (label: string, usage: GPUBufferUsageFlags, contents: Uint32Array<ArrayBuffer>): GPUBuffer => {
    const size = contents.byteLength;
    const buffer = device.createBuffer({ label, size, usage, mappedAtCreation: true });
    made.push(buffer);
    new Uint32Array(buffer.getMappedRange()).set(contents);
    buffer.unmap();
    return buffer;
  };
  try {
    const arena = await guard(device, plan.operation, () => {
      const buffer = create('arena', GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC, before);
      const ranges: Record<string, BufferRange> = {};
      for (const { name, first, operand } of placed) ranges[name] = { buffer, offset: 4 * first, size: operand.bytes };
      for (const name of namesOf(plan, 'uniform')) {
        const uniform = create(name, GPUBufferUsage.UNIFORM, bits(inputs[name]!));
        ranges[name] = { buffer: uniform, offset: 0, size: uniform.size };
      }
      const textures = ownTextures(plan).map(([name, texture]) => [name, createPoisoned(texture)]);
      const bound = bindPlan(compiled, { ...ranges, ...Object.fromEntries(textures) });
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      bound.prepare(pass);
      for (let time = 0; time < times; time++) bound.encode(pass);
      pass.end();
      device.queue.submit([encoder.finish()]);
      return buffer;
    });
    const after = new Uint32Array(await readBuffer(device, arena));
    checkUntouched(plan.operation, placed, before, after);
    return outputs(plan.operation, placed, after);
  } finally {
    for (const buffer of made) buffer.destroy();
  }
}

function namesOf(plan: OperationPlan, ...uses: readonly Operand['use'][]): string[] {
  return Object.keys(plan.operands).filter((name) => uses.includes(plan.operands[name]!.use));
}

function checkInputs(plan: OperationPlan, inputs: Readonly<Record<string, Values>>): void {
  const wanted = namesOf(plan, 'input', 'inout', 'uniform');
  for (const name of new Set([...wanted, ...Object.keys(inputs)])) {
    const operand = wanted.includes(name) ? plan.operands[name]! : undefined;
    const expected = operand?.bytes;
    const got = inputs[name] && bits(inputs[name], operand).byteLength;
    if (got !== expected) throw new Error(`${plan.operation}: ${name}: ${expected} bytes expected, got ${got}`);
  }
}

function place(plan: OperationPlan): { placed: Placed[]; length: number } {
  const step = alignment / 4;
  let length = step;
  const placed = namesOf(plan, 'input', 'inout', 'output', 'scratch', 'prepared').map((name) => {
    const operand = plan.operands[name]!;
    const first = length;
    const count = operand.bytes / 4;
    length = (Math.ceil((first + count) / step) + 1) * step;
    return { name, operand, first, count };
  });
  return { placed, length };
}

function initialContents(placed: readonly Placed[], length: number, inputs: Readonly<Record<string, Values>>) {
  const contents = new Uint32Array(length).fill(guardBits);
  for (const { name, operand, first, count } of placed) {
    const values = inputs[name];
    if (values) contents.set(bits(values, operand), first);
    else contents.fill(poisonBits, first, first + count);
  }
  return contents;
}

/** Compares everything that nobody may have written to: guards and inputs. */
function checkUntouched(operation: string, placed: readonly Placed[], before: Uint32Array, after: Uint32Array): void {
  let position = 0;
  const check = (end: number, what: string): void => {
    for (; position < end; position++) {
      if (after[position] !== before[position]) throw new Error(`${operation}: ${what} written to at ${position}`);
    }
  };
  for (const { name, operand, first, count } of placed) {
    check(first, `what lies before ${name} (which starts at ${first})`);
    if (operand.use === 'input') check(first + count, `input ${name} (which starts at ${first})`);
    position = first + count;
  }
  check(after.length, 'what lies behind the last operand');
}

function outputs(operation: string, placed: readonly Placed[], after: Uint32Array<ArrayBuffer>): Outputs {
  const find = (name: string): Placed => {
    const found = placed.find((one) => one.name === name && ['output', 'inout'].includes(one.operand.use));
    if (!found) throw new Error(`${operation}: writes no operand ${name}`);
    return found;
  };
  const integers = (name: string): Uint32Array<ArrayBuffer> => {
    const { first, count } = find(name);
    return after.slice(first, first + count);
  };
  const floats = (name: string): Float32Array<ArrayBuffer> => {
    const { buffer } = integers(name);
    if (find(name).operand.precision !== 'float16') return new Float32Array(buffer);
    return decodeFloats('F16', new Uint8Array(buffer)) as Float32Array<ArrayBuffer>;
  };
  return { integers, floats };
}

/** The words that an operand holds, the half of the last one that holds none filled up with a guard. */
function bits(values: Values, operand?: Operand): Uint32Array<ArrayBuffer> {
  if (operand?.precision !== 'float16') return new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bytes = new Uint8Array(Math.ceil(values.length / 2) * 4).fill(0xff);
  bytes.set(encodeFloats('F16', values as Float32Array));
  return new Uint32Array(bytes.buffer);
}
