import type { PlacedFile } from '../protocol.js';
import { byId } from './dom.js';

/** Takes files and folders dropped anywhere and hands them on as a `filesdropped` event. */
export function setUpDrop(): void {
  const veil = byId('drop');
  const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
  addEventListener('dragover', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) veil.hidden = true;
  });
  addEventListener('drop', async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    veil.hidden = true;
    const entries = [...event.dataTransfer!.items].map((item) => item.webkitGetAsEntry());
    const plain = [...event.dataTransfer!.files].map((file) => ({ path: file.name, file }));
    const walked = entries.every((entry) => entry !== null) ? (await Promise.all(entries.map(filesOf))).flat() : plain;
    dispatchEvent(new CustomEvent('filesdropped', { detail: { files: walked } }));
  });
}

/** A file, or all files of a folder and the folders in it. */
async function filesOf(entry: FileSystemEntry): Promise<PlacedFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail));
    return [{ path: entry.fullPath.replace(/^\//, ''), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const inside: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) break;
    inside.push(...some);
  }
  return (await Promise.all(inside.map(filesOf))).flat();
}
