/** Orders to a terminal, what ends a line, and what turns the direction of text. */
const orders = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/**
 * Text that a terminal, or an SVG document, shows and does not obey, whatever file or argument its names are from.
 * What is an order is written as JSON escapes it, so that JSON stays the same JSON.
 */
export function terminalText(text: string): string {
  return text.replace(orders, (order) => `\\u${order.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Where lines go: every one that the command line prints goes through here. */
export function printLine(stream: 'stdout' | 'stderr', line: string): void {
  process[stream].write(`${terminalText(line)}\n`);
}
