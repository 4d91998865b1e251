/** WGSL without comments, indentation and empty lines; the marks of loops to be written out stay. */
export function stripComments(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/\/\/.*$/, '').trim())
    .filter((line) => line !== '')
    .join('\n');
}
