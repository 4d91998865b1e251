/** The formats of pictures that are read. */
export type PictureFormat = 'jpeg' | 'png' | 'webp';

/** The format of a picture by its first bytes, if it is one that is read. */
export function pictureFormat(bytes: Uint8Array): PictureFormat | undefined {
  const start = latin1(bytes.subarray(0, 12));
  if (start.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  return /^RIFF.{4}WEBP/s.test(start) ? 'webp' : undefined;
}

/** Bytes as characters of the same numbers. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
