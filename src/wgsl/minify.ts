/**
 * WGSL without comments, empty lines, indentation, the spaces of functions that part nothing, and the long names of what is
 * declared in functions. A function is one line but for its closing brace; the other lines keep their spaces:
 * {@link kernelBindings} and {@link assemble} know them by these.
 */
export function minify(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/\/\/.*$/, ''))
    .filter((line) => line.trim() !== '')
    .map((line) => (line.startsWith(' ') ? ` ${squeeze(line)}` : line.startsWith('fn ') ? squeeze(line) : line))
    .join('\n')
    .replace(/\n +/g, '')
    .replace(/^fn .*$/gm, shortenNames);
}

function squeeze(line: string): string {
  return line.replace(/ *([-=,;:{}()+*/%<>&|!]) */g, '$1').trim();
}

const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];
const shortest = [...letters, ...letters.map((letter) => `${letter}1`)];

/** Parameters and variables of a function under the shortest names that it does not use. */
function shortenNames(body: string): string {
  const declared = body.matchAll(/\b(?:let|var|const) (\w\w+)|[(,)](\w\w+):/g);
  const fields = new Set(Array.from(body.matchAll(/\.(\w+)/g), ([, name]) => name!));
  const names = new Set(Array.from(declared, ([, variable, parameter]) => variable ?? parameter!));
  const free = shortest.filter((name) => !new RegExp(`\\b${name}\\b`).test(body));
  const short = new Map(
    [...names].filter((name) => !fields.has(name)).map((name, index) => [name, free[index] ?? name]),
  );
  return body.replace(/\w+/g, (word) => short.get(word) ?? word);
}
