import { textureBytes } from '../device/textures.js';
import { ICError } from '../errors.js';
import { ownTextures } from '../ops/operation.js';
import type { OperationPlan, TextureOperand } from '../ops/plan.js';
import { planAddGradient } from '../ops/pointwise.js';
import { type Lifetime, type MemoryPlan, planMemory } from './memory.js';

/** An operation of a network: its plan, and which tensor each of its operands is. */
export interface NetworkOperation {
  /** The layer it belongs to, for labels. */
  readonly layer: string;
  readonly plan: OperationPlan;
  readonly tensors: Readonly<Record<string, string>>;
}

/** Collects a network's operations in order. */
export interface OperationList {
  readonly operations: readonly NetworkOperation[];
  /**
   * Appends an operation; scratch and prepared operands that are not named get tensors of their own. An input that the operation reads
   * twice is copied ahead of it: WebGPU refuses to bind one range twice where kernels may write.
   */
  append(layer: string, plan: OperationPlan, tensors: Readonly<Record<string, string>>): void;
}

export function operationList(): OperationList {
  const operations: NetworkOperation[] = [];
  return {
    operations,
    append(layer, plan, tensors) {
      const bound = new Map<string, string>();
      for (const [name, { bytes, use }] of Object.entries(plan.operands)) {
        const own = use === 'scratch' || use === 'prepared';
        const tensor = own ? (tensors[name] ?? `${use} ${operations.length} ${name}`) : tensors[name]!;
        if (![...bound.values()].includes(tensor)) {
          bound.set(name, tensor);
          continue;
        }
        const copy = `copy ${operations.length} ${name}`;
        operations.push({ layer, plan: planAddGradient(bytes / 4), tensors: { input: tensor, output: copy } });
        bound.set(name, copy);
      }
      operations.push({ layer, plan, tensors: Object.fromEntries(bound) });
    },
  };
}

/** Runs what plans a layer; errors name the layer. */
export function inLayer<T>(layer: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof ICError ? error.at(layer) : error;
  }
}

/**
 * Lays out what the operations pass to each other in one arena; a tensor's memory is used again once it is dead.
 *
 * @param external - tensors that have buffers of their own
 * @param kept - tensors that must outlive the last operation
 * @param largestBuffer - bytes of a buffer of the arena at most
 * @param given - an arena that there is already, and where in it tensors lie that stay
 */
export function planArena(
  operations: readonly NetworkOperation[],
  external: (tensor: string) => boolean,
  kept: readonly string[],
  alignment: number,
  largestBuffer?: number,
  given?: Pick<MemoryPlan, 'buffers' | 'places'>,
): MemoryPlan {
  const lifetimes = new Map<string, Lifetime>();
  operations.forEach((operation, index) => {
    for (const [operand, { bytes, use }] of Object.entries(operation.plan.operands)) {
      const id = operation.tensors[operand]!;
      if (external(id)) continue;
      const known = lifetimes.get(id);
      const lasting = use === 'prepared';
      const first = lasting ? 0 : (known?.first ?? index);
      const last = lasting || kept.includes(id) ? operations.length : index;
      lifetimes.set(id, { id, bytes: Math.max(bytes, known?.bytes ?? 0), first, last, place: given?.places.get(id) });
    }
  });
  return planMemory([...lifetimes.values()], alignment, largestBuffer, given?.buffers);
}

/** The textures that operations need for themselves. */
export interface TexturePlan {
  readonly textures: readonly TextureOperand[];
  /** For each operation, which texture each of its own is. */
  readonly places: readonly Readonly<Record<string, number>>[];
  readonly bytes: number;
}

/**
 * One texture for each that lasts; operations, which run one behind the other, share those that are scratch, each as large as
 * the largest.
 */
export function planTextures(operations: readonly NetworkOperation[]): TexturePlan {
  const textures: TextureOperand[] = [];
  const shared: number[] = [];
  const places = operations.map(({ plan }) => {
    return Object.fromEntries(
      ownTextures(plan).map(([name, texture], index) => {
        const known = texture.use === 'scratch' ? shared[index] : undefined;
        const place = known ?? textures.push(texture) - 1;
        if (texture.use === 'scratch') {
          shared[index] = place;
          const height = Math.max(textures[place]!.height, texture.height);
          textures[place] = { ...textures[place]!, height };
        }
        return [name, place];
      }),
    );
  });
  return { textures, places, bytes: textures.reduce((sum, texture) => sum + textureBytes(texture), 0) };
}
