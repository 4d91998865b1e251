/**
 * WGSL without comments, empty lines, indentation and the spaces of statements that part nothing. Top-level lines, and loops
 * that are to be written out, keep their spaces: {@link unrollLoops} and {@link kernelBindings} know them by these.
 */
export function minify(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/\/\/.*$/, ''))
    .filter((line) => line.trim() !== '')
    .map((line) =>
      line.startsWith(' ') && !line.includes('/*') ? line.replace(/ *([=,;:{}()+*<>&|]) */g, '$1') : line,
    )
    .map((line) => line.trim())
    .join('\n');
}
