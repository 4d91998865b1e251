import { FormatError } from '../../errors.js';
import { networkParameters } from '../../graph/parameters.js';
import { createState } from '../../graph/state.js';
import { imageNetClasses } from '../../io/imageNetClasses.js';
import { imageNetNormalisation } from '../../io/picture.js';
import { type ImageNetDepth, imageNetResNet } from '../../models/resnet.js';
import { loadWeights } from '../../weights/load.js';
import { openWeights, type WeightsFile } from '../../weights/weightsFile.js';
import { checkpointSource, type Source } from './models.js';
import { tell } from './post.js';

const depths: readonly ImageNetDepth[] = [18, 34, 50, 101, 152];

/**
 * A network out of a file: a checkpoint of this package, or weights of a ResNet in torchvision's names.
 *
 * @throws FormatError for any other file
 */
export async function openSource(file: File): Promise<Source> {
  const weights = await openWeights(file);
  const source = isCheckpoint(weights)
    ? checkpointSource(new Uint8Array(await file.arrayBuffer()), file.name)
    : weightsSource(weights, file);
  await weights.source.close();
  return source;
}

function isCheckpoint({ metadata }: WeightsFile): boolean {
  return Object.hasOwn(metadata, 'ic-networks');
}

/** A ResNet of ImageNet's form, its depth read off the names in the file. The file stays closed until it is loaded. */
function weightsSource(weights: WeightsFile, file: File): Source {
  const names = new Set(weights.tensors.keys());
  const ic = [...names].some((name) => name.endsWith('.adjust'));
  const classes = weights.tensors.get('fc.bias')?.shape[0];
  const network = depths
    .map((depth) => imageNetResNet({ depth, ic, ...(classes && { classes }) }))
    .findLast((candidate) =>
      networkParameters(candidate).every(({ name, role }) => role === 'batchesTracked' || names.has(name)),
    );
  if (!network) {
    const expected = 'a checkpoint of this package, or a ResNet in torchvision’s names and layout';
    throw new FormatError({
      operation: 'openModel',
      parameter: file.name,
      expected,
      got: `${names.size} tensors of other names`,
    });
  }
  return {
    network,
    normalisation: imageNetNormalisation,
    ...(classes === 1000 && { classes: imageNetClasses().map(({ name }) => name) }),
    async load(device) {
      const state = createState(device, network);
      try {
        await loadWeights(state, file, {
          onProgress: ({ bytes, totalBytes }) => tell('reading', { bytes, total: totalBytes }),
        });
        return state;
      } catch (error) {
        state.dispose();
        throw error;
      }
    },
  };
}
