/**
 * The environment of a Node process that interrupts itself, as Ctrl-C does, as soon as what it prints matches: however long
 * the test is kept waiting meanwhile, the process gets no further.
 */
export function interruptsItself(pattern: RegExp): Record<string, string> {
  const module = `
    let printed = '';
    for (const stream of [process.stdout, process.stderr]) {
      const write = stream.write.bind(stream);
      stream.write = (text, ...rest) => {
        const before = ${pattern}.test(printed);
        printed += text;
        if (!before && ${pattern}.test(printed)) process.kill(process.pid, 'SIGINT');
        return write(text, ...rest);
      };
    }`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}` };
}
