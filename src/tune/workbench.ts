import { createBuffer, destroyBuffer, readBuffer, writeBuffer } from '../device/buffers.js';
import { submitPass } from '../device/device.js';
import { guard } from '../device/errorScopes.js';
import { lifetime } from '../device/lifetime.js';
import { createTexture, destroyTexture, textureBytes } from '../device/textures.js';
import {
  type BoundPlan,
  bindPlan,
  type CompiledPlan,
  type Operand,
  type OperationPlan,
  type TextureOperand,
} from '../ops/plan.js';

/** A plan with its buffers. */
export interface Contestant extends BoundPlan {
  readonly plan: OperationPlan;
  /** Destroys what is its own: scratch and prepared operands. */
  dispose(): void;
}

/** Buffers to measure the forms of one operation with; refused with a DisposedError once disposed. */
export interface Workbench {
  /**
   * Gives a plan buffers: its own for scratch, the same as others have for the rest.
   *
   * @throws LimitError where the device cannot hold them.
   */
  bind(compiled: CompiledPlan): Promise<Contestant>;
  /** Prepares a plan, runs it once on the same values as every other one, and reads what it wrote and others write, too. */
  run(contestant: Contestant): Promise<Map<string, Float32Array>>;
  dispose(): void;
}

const operation = 'tune';
const readableStorage = 0x80 | 0x08 | 0x04;
const uniform = 0x40 | 0x08;
const copyDestination = 0x02;

export function createWorkbench(device: GPUDevice): Workbench {
  const shared = new Map<string, GPUBuffer>();
  const life = lifetime(device, 'workbench', () => {
    for (const buffer of shared.values()) destroyBuffer(device, buffer);
  });

  function place(name: string, { bytes, use }: Operand): GPUBuffer {
    const known = shared.get(sharedName(name, bytes));
    if (known) return known;
    const usage = use === 'uniform' ? uniform : readableStorage;
    const buffer = createBuffer(device, { label: `tune: ${name}`, size: bytes, usage });
    shared.set(sharedName(name, bytes), buffer);
    writeBuffer(device, buffer, randomValues(bytes / 4, name));
    return buffer;
  }

  async function bind(compiled: CompiledPlan): Promise<Contestant> {
    life.assertUsable(operation);
    const own: GPUBuffer[] = [];
    const textures: GPUTexture[] = [];
    const sharedBefore = new Set(shared.keys());
    const dispose = (): void => {
      for (const buffer of own) destroyBuffer(device, buffer);
      for (const texture of textures) destroyTexture(device, texture);
    };
    const createOwnTexture = (name: string, operand: TextureOperand): GPUTexture => {
      const texture = createTexture(device, {
        label: `tune: ${name}`,
        ...operand,
        usage: copyDestination,
      });
      textures.push(texture);
      if (operand.use === undefined) fillTexture(device, texture, name);
      return texture;
    };
    const createOwn = (name: string, { bytes }: Operand): GPUBuffer => {
      const buffer = createBuffer(device, { label: `tune: ${name}`, size: bytes, usage: readableStorage });
      own.push(buffer);
      return buffer;
    };
    try {
      const bound = await guard(device, operation, () => {
        const ranges = Object.entries(compiled.operands).map(([name, operand]) => {
          const buffer = isScratch(operand) ? createOwn(name, operand) : place(name, operand);
          return [name, { buffer, offset: 0, size: buffer.size }] as const;
        });
        const made = Object.entries(compiled.textures ?? {}).map(([name, operand]) => [
          name,
          createOwnTexture(name, operand),
        ]);
        return bindPlan(compiled, Object.fromEntries([...ranges, ...made]));
      });
      return { ...bound, plan: compiled, dispose };
    } catch (error) {
      dispose();
      for (const [name, buffer] of shared) {
        if (sharedBefore.has(name)) continue;
        destroyBuffer(device, buffer);
        shared.delete(name);
      }
      throw error;
    }
  }

  async function run({ plan, prepare, encode }: Contestant): Promise<Map<string, Float32Array>> {
    life.assertUsable(operation);
    const written = Object.entries(plan.operands).filter(([, { use }]) => use === 'output' || use === 'inout');
    await guard(device, operation, () => {
      for (const [name, { bytes, use }] of written) {
        const values = use === 'inout' ? randomValues(bytes / 4, name) : new Float32Array(bytes / 4).fill(Number.NaN);
        writeBuffer(device, shared.get(sharedName(name, bytes))!, values);
      }
      submitPass(device, operation, (pass) => {
        prepare(pass);
        encode(pass);
      });
    });
    const outputs = new Map<string, Float32Array>();
    for (const [name, { bytes, ofForm }] of written) {
      if (ofForm) continue;
      outputs.set(name, new Float32Array(await readBuffer(device, shared.get(sharedName(name, bytes))!, 0, bytes)));
    }
    return outputs;
  }

  return { bind, run, dispose: life.dispose };
}

/** The values that an operand of this name has in a buffer. */
function fillTexture(device: GPUDevice, texture: GPUTexture, name: string): void {
  const { width, height } = texture;
  const bytes = textureBytes(texture);
  const layout = { bytesPerRow: bytes / height };
  device.queue.writeTexture({ texture }, randomValues(bytes / 4, name), layout, [width, height]);
}

function isScratch({ use }: Operand): boolean {
  return use === 'scratch' || use === 'prepared';
}

function sharedName(name: string, bytes: number): string {
  return `${name} ${bytes}`;
}

/** A prime: what is repeated meets no tile at the same place again. */
const mostRandom = 1_048_573;

/** Values in [-1, 1), the same for an operand at every time (xorshift); those of a large one begin anew now and then. */
function randomValues(count: number, name: string): Float32Array<ArrayBuffer> {
  let state = [...name].reduce((hash, letter) => Math.imul(hash, 31) + letter.charCodeAt(0), 0x9e3779b9) | 1;
  const values = new Float32Array(count);
  for (let index = 0; index < Math.min(count, mostRandom); index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[index] = state / 2 ** 31;
  }
  for (let start = mostRandom; start < count; start += mostRandom) {
    values.set(values.subarray(0, Math.min(mostRandom, count - start)), start);
  }
  return values;
}
