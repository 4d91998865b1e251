/** WGSL without comments and empty lines; the marks of loops to be written out stay. */
export function stripComments(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/\/\/.*$/, '').trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}
