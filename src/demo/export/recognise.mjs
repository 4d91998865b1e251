// What was taught in the page, in Node:
//   npm install ic-networks webgpu sharp
//   node taught.mjs picture.jpg
import { compileInference } from 'ic-networks';
import { pictureInput } from 'ic-networks/io';
import { decodePicture, openDevice } from 'ic-networks/node';
import { decodeCheckpoint, restoreState } from 'ic-networks/train';

const weights = Buffer.from('WEIGHTS', 'base64');
const { device, close } = await openDevice();
const checkpoint = decodeCheckpoint(new Uint8Array(weights), 'taught');
const network = await compileInference(restoreState(device, checkpoint), { batch: 1 });
const { height, width } = checkpoint.network.input;
for (const path of process.argv.slice(2)) {
  const picture = await decodePicture(path);
  const input = pictureInput(picture, { resize: height, crop: { height, width } }, checkpoint.normalisation);
  const logits = await network.run(input);
  process.stdout.write(`${path}: ${checkpoint.classNames[logits.indexOf(Math.max(...logits))]}\n`);
}
close();
