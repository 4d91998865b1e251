/**
 * The environment of a Node process that runs a statement as soon as what it prints matches: however long the test is kept
 * waiting meanwhile, the process gets no further.
 */
export function atPrinting(pattern: RegExp, statement: string): Record<string, string> {
  const module = `
    import { rmSync } from 'node:fs';
    let printed = '';
    for (const stream of [process.stdout, process.stderr]) {
      const write = stream.write.bind(stream);
      stream.write = (text, ...rest) => {
        const before = ${pattern}.test(printed);
        printed += text;
        if (!before && ${pattern}.test(printed)) { ${statement} }
        return write(text, ...rest);
      };
    }`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}` };
}

/** The environment of a Node process that sends itself a signal, as Ctrl-C does, as soon as what it prints matches. */
export function interruptsItself(pattern: RegExp, signal: NodeJS.Signals = 'SIGINT'): Record<string, string> {
  return atPrinting(pattern, `process.kill(process.pid, '${signal}');`);
}
