/** What the system says by a code, of files and of the network. */
const words: Readonly<Record<string, string>> = {
  ENOENT: 'nothing of that name',
  EISDIR: 'a folder',
  ENOTDIR: 'a path through a file',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'a disk that cannot be written to',
  ENOSPC: 'a disk that is full',
  EDQUOT: 'a quota that is used up',
  EFBIG: 'a file too large for the disk',
  EEXIST: 'something of that name already',
  ENOTEMPTY: 'a folder that is not empty',
  ELOOP: 'links that lead to each other',
  ENAMETOOLONG: 'a name that is too long',
  EINVAL: 'a name or place that the system does not take',
  EBUSY: 'something that is in use',
  EMFILE: 'too many files open at once',
  ENFILE: 'too many files open at once',
  EIO: 'a disk that does not answer',
  ENXIO: 'nothing to read from',
  ENOTFOUND: 'no host of that name',
  EAI_AGAIN: 'no answer about the host from the network',
  ECONNREFUSED: 'a host that takes no connections',
  ECONNRESET: 'a connection that was cut',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'a host that cannot be reached',
  ENETUNREACH: 'a network that cannot be reached',
  UND_ERR_CONNECT_TIMEOUT: 'no answer in time',
  UND_ERR_SOCKET: 'a connection that was cut',
};

/** What came of asking the system for something, in words; where there are none for it, what the error says itself. */
export function systemWords(error: unknown): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: string };
  return words[`${code}`] ?? message ?? `${error}`;
}
