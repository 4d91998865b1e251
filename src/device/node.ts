import { UnsupportedError } from '../errors.js';
import { loosely } from '../names.js';
import { type AdapterDescription, describeAdapter } from './adapter.js';
import { isNamed, noAdapter, noSuchAdapter } from './adapterNames.js';
import { destroyDevice, type RequestDeviceOptions, requestDevice } from './device.js';
import { numericLimits } from './limits.js';
import { napWhileWaiting } from './naps.js';
import { withoutNativeMessages } from './nativeMessages.js';
import { chooseAdapter, ownGPU } from './ownGPU.js';
import { type Drivers, driversWereChosen, withDrivers } from './vulkanDrivers.js';

/** Which adapter is opened, and how the device is called. */
export interface OpenDeviceOptions extends RequestDeviceOptions {
  /**
   * - `auto` (the default): a GPU; without one, the driver that `VK_DRIVER_FILES` or `VK_ICD_FILENAMES` names; without
   *   these, the embedded SwiftShader
   * - `gpu`: a GPU, never software
   * - `software`: the embedded SwiftShader
   * - anything else: an adapter with this text in its name, for example `llvmpipe`
   *
   * Deno, which has WebGPU itself and no embedded adapter, chooses among the system's: `auto` is the fastest, `software` one that a
   * processor plays.
   *
   * Large letters, hyphens and underscores make no difference.
   */
  readonly adapter?: string;
  /**
   * Whether what Dawn and drivers write to a terminal or pipe by themselves, while adapters are looked for, goes nowhere: lines about
   * limits that are no use to users. Descriptor 2 of the process leads nowhere meanwhile, within one turn of the event loop; no other
   * thread may open files then. False where left out.
   */
  readonly quiet?: boolean;
}

/** A device in Node or Deno, with what it took to open it. */
export interface NodeDevice {
  /** With all limits of the adapter. */
  readonly device: GPUDevice;
  /** What a browser has as `navigator.gpu`. */
  readonly gpu: GPU;
  /** Which one it is. */
  readonly adapter: AdapterDescription;
  /** The device's. */
  readonly features: string[];
  /** The device's, by name. */
  readonly limits: Record<string, number>;
  /** How to get a faster adapter, where software runs. */
  readonly hint?: string;
  /** Destroys the device and lets go of the GPU, so that the process can exit; a second time does nothing. */
  close(): void;
}

interface Found {
  /** The driver setup and the name asked for. */
  readonly key: string;
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  readonly description: AdapterDescription;
}

const operation = 'openDevice';

/** Dawn hides `shader-f16` of NVIDIA's GPUs on Vulkan otherwise. */
const usualToggles = ['vulkan_enable_f16_on_nvidia'];
/** It hides features of drafts without this one, which lets everything through that WebGPU holds back. */
const draftToggle = 'allow_unsafe_apis';

/** Dawn's toggles as the opening wants them whose turn it is. */
let toggles = usualToggles;

/** Asks for an adapter as the opening wants it whose turn it is. */
let ask: <T>(request: () => T) => T = (request) => request();

/**
 * The GPU of every driver setup with open devices: Dawn crashes when a GPU is collected before its devices. That is why a
 * device that somebody still holds after closing keeps its GPU, too.
 */
const inUse = new Map<string, { readonly gpu: GPU; devices: number }>();
const owners = new WeakMap<GPUDevice, GPU>();

function acquire({ key, gpu }: Found, device: GPUDevice): void {
  owners.set(device, gpu);
  const entry = inUse.get(key) ?? { gpu, devices: 0 };
  entry.devices += 1;
  inUse.set(key, entry);
}

function release(key: string): void {
  const entry = inUse.get(key)!;
  entry.devices -= 1;
  if (entry.devices === 0) inUse.delete(key);
}

async function loadDawn(): Promise<(options: string[]) => GPU> {
  try {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    return create;
  } catch (error) {
    throw new UnsupportedError(
      {
        operation,
        parameter: 'webgpu',
        expected: 'the package webgpu to be installed (npm install webgpu)',
        got: error instanceof Error ? error.message : String(error),
      },
      { cause: error },
    );
  }
}

/** Runs `work` with the drivers' GPU object, and the key under which it is kept. */
async function withGPU<T>(drivers: Drivers, name: string, work: (gpu: GPU, key: string) => Promise<T>): Promise<T> {
  const create = await loadDawn();
  return withDrivers(drivers, (variables) => {
    const key = JSON.stringify([variables, name, toggles]);
    const flags = [`enable-dawn-features=${toggles}`, ...(name ? [`adapter=${name}`] : [])];
    return work(inUse.get(key)?.gpu ?? create(flags), key);
  });
}

/** The fastest adapter of these drivers, or the one called `name`. */
function findAdapter(drivers: Drivers, name = ''): Promise<Found | undefined> {
  return withGPU(drivers, name, async (gpu, key) => {
    const adapter = await ask(() => gpu.requestAdapter({ powerPreference: 'high-performance' }));
    return adapter ? { key, gpu, adapter, description: describeAdapter(adapter) } : undefined;
  });
}

/** Dawn lists its adapters only in the error about a name that none of them has. */
function adapterNames(drivers: Drivers): Promise<string[]> {
  return withGPU(drivers, 'a name that no adapter has', async (gpu) => {
    try {
      await ask(() => gpu.requestAdapter());
      return [];
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return [...message.matchAll(/name: '(.*)'$/gm)].map((match) => match[1]!);
    }
  });
}

async function findEmbedded(): Promise<Found> {
  const found = await findAdapter('embedded');
  if (!found) throw noAdapter('the embedded software adapter to start', 'no adapter');
  return found;
}

async function findGPU(): Promise<Found> {
  const found = await findAdapter('environment');
  if (found && !found.description.software) return found;
  throw noAdapter('a GPU with its driver', found ? `no GPU, only ${found.description.description}` : 'no GPU');
}

/** Also says which software adapter of the system was passed over. */
async function findAutomatically(): Promise<{ found: Found; passedOver?: AdapterDescription }> {
  const system = await findAdapter('environment');
  if (system && (!system.description.software || driversWereChosen())) return { found: system };
  try {
    const found = await findEmbedded();
    return system ? { found, passedOver: system.description } : { found };
  } catch (error) {
    if (system) return { found: system };
    if (!(error instanceof UnsupportedError)) throw error;
    throw noAdapter('a GPU with its driver, or the embedded software adapter', `neither (${error.message})`, error);
  }
}

async function findByName(wanted: string): Promise<Found> {
  const names = new Set<string>();
  const unavailable: string[] = [];
  const setups: Drivers[] = driversWereChosen()
    ? ['environment', 'installed', 'embedded']
    : ['environment', 'embedded'];
  for (const drivers of setups) {
    try {
      for (const name of await adapterNames(drivers)) {
        names.add(name);
        const found = await findAdapter(drivers, name);
        if (found && isNamed(found.description, wanted, name)) return found;
      }
    } catch (error) {
      if (drivers !== 'embedded' || !(error instanceof UnsupportedError)) throw error;
      unavailable.push(error.message);
    }
  }
  throw noSuchAdapter(wanted, [...names], unavailable);
}

async function findOwn(gpu: GPU, wanted: string): Promise<Found> {
  return { key: 'own', gpu, ...(await chooseAdapter(gpu, wanted)) };
}

function choose(wanted: string): Promise<{ found: Found; passedOver?: AdapterDescription }> {
  const only = async (found: Promise<Found>) => ({ found: await found });
  const own = ownGPU();
  if (own) return only(findOwn(own, wanted));
  const usual = loosely(wanted);
  if (usual === 'auto') return findAutomatically();
  if (usual === 'gpu') return only(findGPU());
  if (usual === 'software') return only(findEmbedded());
  return only(findByName(wanted));
}

function hintFor(used: AdapterDescription, passedOver?: AdapterDescription): string | undefined {
  if (!used.software) return undefined;
  const gpu = 'This is a software adapter; with the Vulkan driver of a GPU installed, the GPU is used instead.';
  if (used.architecture !== 'swiftshader') return gpu;
  const installed = passedOver?.description.includes('llvmpipe');
  const llvmpipe = installed
    ? 'Without a GPU, the installed llvmpipe is 3 to 5 times faster: --adapter llvmpipe.'
    : 'Without a GPU, llvmpipe is 3 to 5 times faster: apt install mesa-vulkan-drivers (Debian, Ubuntu), then --adapter llvmpipe.';
  return `${gpu} ${llvmpipe}`;
}

async function open(
  { adapter: wanted = 'auto', quiet = false, ...asked }: OpenDeviceOptions,
  request: typeof requestDevice,
): Promise<NodeDevice> {
  ask = quiet ? withoutNativeMessages : (request) => request();
  toggles = asked.experimental?.length ? [...usualToggles, draftToggle] : usualToggles;
  const { found, passedOver } = await choose(wanted);
  const device = await request(found.adapter, asked);
  acquire(found, device);
  if (found.description.software && !ownGPU()) napWhileWaiting(device);
  const hint = hintFor(found.description, passedOver);
  let closed = false;
  return {
    device,
    gpu: found.gpu,
    adapter: found.description,
    features: [...device.features],
    limits: numericLimits(device.limits),
    ...(hint !== undefined && { hint }),
    close() {
      if (closed) return;
      closed = true;
      destroyDevice(device);
      // Not before: what was under way on the device ends by then.
      void device.lost.then(() => release(found.key));
    },
  };
}

/**
 * Ends when the opening asked for last has ended; they take turns, as the environment is changed for each. Without a value,
 * which would keep the device from being collected.
 */
let turn: Promise<void> = Promise.resolve();

/**
 * Opens a device, in Node through the optional package `webgpu`, in Deno through its own WebGPU. Devices of the same drivers share
 * one GPU object.
 *
 * @param request - asks the adapter for the device
 * @throws DeviceLostError where no adapter fits, listing what there is; UnsupportedError where an optional package that is
 *   needed is missing or does not run here.
 */
export function openDevice(options: OpenDeviceOptions = {}, request = requestDevice): Promise<NodeDevice> {
  const opening = turn.then(() => open(options, request));
  const ended = () => undefined;
  turn = opening.then(ended, ended);
  return opening;
}
