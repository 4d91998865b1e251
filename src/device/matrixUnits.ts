/** Sizes that a GPU's matrix units multiply: float16 matrices of rows x depth and depth x columns, with float32 sums. */
export interface MatrixConfiguration {
  /** M. */
  readonly rows: number;
  /** N. */
  readonly columns: number;
  /** K. */
  readonly depth: number;
}

/** As Dawn lists them; TypeScript's own types of WebGPU do not name them yet. */
interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What an adapter says of its matrix units for float16 with float32 sums; nothing unless it was asked for as experimental. */
export function matrixConfigurations(info: GPUAdapterInfo): MatrixConfiguration[] {
  const { subgroupMatrixConfigs = [] } = info as { readonly subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig> };
  return [...subgroupMatrixConfigs]
    .filter(({ componentType, resultComponentType }) => componentType === 'f16' && resultComponentType === 'f32')
    .map(({ M, N, K }) => ({ rows: M, columns: N, depth: K }));
}
