/** What an adapter says of itself. */
export interface AdapterDescription {
  /** The vendor's name, for example `nvidia`. */
  readonly vendor: string;
  /** The family of GPUs, for example `turing`; empty where it is not told. */
  readonly architecture: string;
  /** The model; empty where it is not told. */
  readonly device: string;
  /** The driver in words; empty where it is not told. */
  readonly description: string;
  /** True where the CPU does the work of a GPU. */
  readonly software: boolean;
  /** Invocations in the smallest subgroup; 4, the least that WebGPU allows, where the adapter does not say. */
  readonly subgroupMinSize: number;
  /** Invocations in the largest subgroup; 128, the most that WebGPU allows, where the adapter does not say. */
  readonly subgroupMaxSize: number;
}

const softwareNames = /swiftshader|llvmpipe|lavapipe/i;

/** Whether a processor does the work of a GPU. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  const { vendor, architecture, device, description, isFallbackAdapter } = info;
  return isFallbackAdapter || softwareNames.test([vendor, architecture, device, description].join(' '));
}

/** Reads the adapter's names, whether it is software, and its subgroup sizes. */
export function describeAdapter(adapter: GPUAdapter): AdapterDescription {
  const { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize } = adapter.info;
  return {
    vendor,
    architecture,
    device,
    description,
    software: isSoftware(adapter.info),
    subgroupMinSize: subgroupMinSize ?? 4,
    subgroupMaxSize: subgroupMaxSize ?? 128,
  };
}
