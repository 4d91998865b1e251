import { type ImageFolder, loadImageFolder, loadMnist } from '../io/folder.js';

/** The data set that `--data` names: `mnist` or a folder. */
export function loadData(source: string): Promise<ImageFolder> {
  return source === 'mnist' ? loadMnist() : loadImageFolder(source);
}
