import { createHash } from 'node:crypto';

/** Names that Windows keeps for devices, whatever follows the dot. */
const device = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
const plain = /^\w(?:[\w.-]{0,98}\w)?$/;

/**
 * The name of a file or folder for a text that may come from anywhere: the text itself where it is a plain name, else its
 * first words and a hash of it, which tells it from others. It never leads out of its folder.
 */
export function fileName(text: string): string {
  if (plain.test(text) && !device.test(text)) return text;
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
  return [...words.slice(0, 4).map((word) => word.slice(0, 20)), hash].join('-');
}
