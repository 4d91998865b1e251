// A video, sent through an IC network on the device of three.js's renderer, as the texture of a mesh.
import {
  bindPlan,
  compileInference,
  compilePlan,
  createOperation,
  createState,
  planImageToTensor,
  planTensorToImage,
  writeState,
} from 'ic-networks';
import {
  Mesh,
  MeshBasicNodeMaterial,
  NoColorSpace,
  OrthographicCamera,
  PlaneGeometry,
  RenderTarget,
  Scene,
  StorageTexture,
  WebGPURenderer,
} from 'three/webgpu';

const [width, height] = [64, 64];

const renderer = new WebGPURenderer();
await renderer.init();
document.body.append(renderer.domElement);
const { device } = renderer.backend;

// Where the network's picture goes: a storage texture of three.js, which its materials read.
const texture = new StorageTexture(width, height);
texture.colorSpace = NoColorSpace;
renderer.initTexture(texture);
const picture = renderer.backend.get(texture).texture;

// The network: one IC convolution over three channels, which takes the mean of 3x3 pixels, colour by colour.
const mean = {
  ...{ name: 'mean', kind: 'convolution', inputs: ['input'], outChannels: 3, bias: false, adjust: 'output' },
  ...{ kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 3 },
};
const state = createState(device, { name: 'blur', input: { height, width, channels: 3 }, layers: [mean] });
// Weights come as PyTorch has them: [output channels, input channels of a group, height, width].
writeState(
  state,
  new Map([
    ['mean.weight', new Float32Array(27).fill(1 / 9)],
    ['mean.adjust', Float32Array.of(0.1, 0.1, 0.1)],
  ]),
);
const network = await compileInference(state, { batch: 1 });

const video = await startVideo();
const size = { width, height, channels: 3 };
const fromVideo = planImageToTensor(
  { imageWidth: video.videoWidth, imageHeight: video.videoHeight, ...size },
  { fit: 'cover', source: 'external' },
);
const reading = await compilePlan(device, fromVideo);
const draw = await createOperation(device, planTensorToImage(size), { input: network.output, image: picture });

const material = new MeshBasicNodeMaterial();
material.map = texture;
const scene = new Scene().add(new Mesh(new PlaneGeometry(2, 2), material));
const camera = new OrthographicCamera(-1, 1, 1, -1, 0, 2);
camera.position.z = 1;
const target = new RenderTarget(width, height);

/** One frame: the video into the network, the network's output into the texture, and three.js draws. */
function render() {
  // A frame lends its texture until the task ends: it is bound anew, what is compiled stays.
  const image = device.importExternalTexture({ source: video });
  const read = bindPlan(reading, { image, output: network.input });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const operation of [read, network, draw]) operation.encode(pass);
  pass.end();
  device.queue.submit([encoder.finish()]);
  renderer.render(scene, camera);
}

renderer.setRenderTarget(target);
render();
const pixels = await renderer.readRenderTargetPixelsAsync(target, width / 2, height / 2, 1, 1);
document.querySelector('output').textContent = JSON.stringify([...pixels].slice(0, 3));
renderer.setRenderTarget(null);
renderer.setAnimationLoop(render);

/** Any video will do: this one shows what is drawn on a canvas. */
async function startVideo() {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [128, 96];
  const context = canvas.getContext('2d');
  setInterval(() => {
    context.fillStyle = 'rgb(200, 100, 50)';
    context.fillRect(0, 0, canvas.width, canvas.height);
  }, 30);
  const video = document.createElement('video');
  video.muted = true;
  video.srcObject = canvas.captureStream();
  await video.play();
  return video;
}
