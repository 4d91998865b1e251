/** What needs Node: opening a device through Dawn, and reading data sets from files. */

export type { AdapterDescription } from './device/adapter.js';
export type { NodeDevice, OpenDeviceOptions } from './device/node.js';
export type {} from './device/webgpu.js';
export { type DecodePictureOptions, decodePicture } from './io/decodePicture.js';
export { FileError } from './io/fileError.js';
export { type ImageFolder, type ImageFolderOptions, loadImageFolder, loadMnist } from './io/folder.js';
export { openFile } from './io/openFile.js';
export { writeAtomically } from './io/writeAtomically.js';
export { openDevice } from './openDevice.js';
export { loadCheckpoint } from './train/files.js';
export { type FileTuningStoreOptions, fileTuningStore } from './tune/fileStore.js';
