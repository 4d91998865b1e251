/** One hand-written kernel: its file name without ending, its text, and the shared texts it calls. */
export interface KernelSource {
  /** Of the file, without its ending. */
  readonly name: string;
  /** WGSL without the constants. */
  readonly text: string;
  /** Texts that stand ahead of it. */
  readonly shared?: readonly string[];
  /**
   * Those of the constants, integers, that a uniform buffer holds instead, so that one pipeline serves all their values.
   */
  readonly variables?: readonly string[];
}
