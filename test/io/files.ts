/** An IDX file of unsigned bytes, with whatever data it is given. */
export function idxFile(shape: readonly number[], data: Uint8Array): Uint8Array {
  const start = 4 + 4 * shape.length;
  const file = new Uint8Array(start + data.length);
  const words = new DataView(file.buffer);
  file.set([0, 0, 8, shape.length]);
  for (const [index, length] of shape.entries()) words.setUint32(4 + 4 * index, length);
  file.set(data, start);
  return file;
}

/** The value of a CIFAR test image; its number, row, column and channel can all be told apart. */
export function cifarPixel(example: number, y: number, x: number, channel: number): number {
  return (example * 89 + y * 37 + x * 11 + channel * 101) % 256;
}

/** A CIFAR file in which each record begins with the labels given for it. */
export function cifarFile(labels: readonly (readonly number[])[], firstExample = 0): Uint8Array {
  const records = labels.map((own, record) => [
    ...own,
    ...Array.from({ length: 3072 }, (_, index) =>
      cifarPixel(firstExample + record, (index >> 5) & 31, index & 31, index >> 10),
    ),
  ]);
  return Uint8Array.from(records.flat());
}
