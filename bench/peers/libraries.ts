import type { OpenPeers, Peer, PeerSetting } from '../../src/compare/peers/peer.js';

/** What `--peer` knows: a file each, loaded where it is asked for. */
const libraries = {
  tensorflow: () => import('./tensorflow.js'),
  onnxruntime: () => import('./onnxRuntime.js'),
  jax: () => import('./jax.js'),
} satisfies Record<string, () => Promise<{ readonly open: OpenPeers }>>;

/** A library by the name that `--peer` has for it. */
export type PeerLibrary = keyof typeof libraries;

export const peerLibraries = Object.keys(libraries) as PeerLibrary[];

/**
 * Opens libraries, in the order of their names.
 *
 * @throws UnsupportedError where a package is missing, saying how to add it
 */
export async function openPeers(names: readonly PeerLibrary[], setting: PeerSetting): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const name of names) {
    const { open } = await libraries[name]();
    peers.push(...(await open(setting)));
  }
  return peers;
}
