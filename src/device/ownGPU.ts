import { loosely } from '../names.js';
import { type AdapterDescription, describeAdapter } from './adapter.js';
import { isNamed, noAdapter, noSuchAdapter } from './adapterNames.js';

/** What a runtime with WebGPU of its own, which is Deno, has as `navigator.gpu`; undefined in Node. */
export function ownGPU(): GPU | undefined {
  return 'Deno' in globalThis ? navigator.gpu : undefined;
}

/** An adapter with what it says of itself. */
export interface OwnAdapter {
  /** What gives the device. */
  readonly adapter: GPUAdapter;
  /** Its names. */
  readonly description: AdapterDescription;
}

/** WebGPU has no list of adapters: these requests find all kinds of them, the fastest first. */
const requests: readonly GPURequestAdapterOptions[] = [
  { powerPreference: 'high-performance' },
  { powerPreference: 'low-power' },
  { forceFallbackAdapter: true },
];

/**
 * The adapter of a GPU object that is meant by `auto`, `gpu`, `software` or a part of a name.
 *
 * @throws DeviceLostError where there is none, listing what there is.
 */
export async function chooseAdapter(gpu: GPU, wanted: string): Promise<OwnAdapter> {
  const found: OwnAdapter[] = [];
  for (const request of requests) {
    const adapter = await gpu.requestAdapter(request);
    if (adapter) found.push({ adapter, description: describeAdapter(adapter) });
  }
  const chosen = found.find(({ description }) => isMeant(description, wanted));
  if (chosen) return chosen;
  const names = [...new Set(found.map(({ description }) => description.description))];
  const got = names.length > 0 ? `only ${names.join('; ')}` : 'no adapter';
  const usual = loosely(wanted);
  if (usual === 'auto' || usual === 'gpu') throw noAdapter('a GPU with its driver', got);
  if (usual === 'software') throw noAdapter('a software adapter', got);
  throw noSuchAdapter(wanted, names);
}

function isMeant(description: AdapterDescription, wanted: string): boolean {
  switch (loosely(wanted)) {
    case 'auto':
      return true;
    case 'gpu':
      return !description.software;
    case 'software':
      return description.software;
    default:
      return isNamed(description, wanted);
  }
}
