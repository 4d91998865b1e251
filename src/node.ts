/** What needs Node: opening a device through Dawn, and reading data sets from files. */
export type { AdapterDescription } from './device/adapter.js';
export { type NodeDevice, type OpenDeviceOptions, openDevice } from './device/node.js';
export { decodePicture } from './io/decodePicture.js';
export { FileError } from './io/fileError.js';
export { type ImageFolder, type LoadFolderOptions, loadImageFolder, loadMnist } from './io/folder.js';
export { openFile } from './io/openFile.js';
export { loadCheckpoint, writeAtomically } from './train/files.js';
export { type FileTuningStoreOptions, fileTuningStore } from './tune/fileStore.js';
