// An IC convolution out of the kernel's WGSL alone: plain WebGPU calls, as any language makes them. What the files need is in
// kernels/README.md: constants ahead, one of each list of shared texts, the kernel.
const texts32 = ['grid', 'vector_1', 'element_full', 'stored_1', 'sum_of_group', 'relu', 'fits', 'output_f32'];
const shared = [...texts32, 'convolution_output'];
const files = [...shared.map((name) => `shared/${name}`), 'conv2d_naive'];
const load = async (file) => (await fetch(`../node_modules/ic-networks/kernels/${file}.wgsl`)).text();
const texts = await Promise.all(files.map(load));

// An image of 4x4 pixels and one channel, two filters of 3x3: y = z + relu(z - a S).
const [height, width, outChannels] = [4, 4, 2];
const workgroups = Math.ceil((height * width * outChannels) / 64);
const constants = `
  const WORKGROUPS = ${workgroups}u; const GRID_WIDTH = ${workgroups}u;
  const BATCH = 1u; const GROUPS = 1u; const GROUP_IN = 1u; const GROUP_OUT = ${outChannels}u;
  const IN_HEIGHT = ${height}u; const IN_WIDTH = ${width}u; const OUT_HEIGHT = ${height}u; const OUT_WIDTH = ${width}u;
  const FILTER_HEIGHT = 3u; const FILTER_WIDTH = 3u; const PADDING_HEIGHT = 1i; const PADDING_WIDTH = 1i;
  const STRIDE_HEIGHT = 1u; const STRIDE_WIDTH = 1u; const DILATION_HEIGHT = 1u; const DILATION_WIDTH = 1u;
  const ADJUST = 1u; const SUMS = 1u; const ADJUST_STRIDE = 1u; const OFFSETS = 0u; const BIAS = false; const SCALE_SHIFT = false;
  const RESIDUAL = false; const IN_PLACE = false; const ACTIVATED = false; const SLOPES = false; const RELU_MAXIMUM = 0f;
  const STORE_SUMS = false; const ADD_SUMS = false; const GIVEN_SUMS = false; const SUMS_FACTOR = false; const ACCUMULATE = false;
  const STATISTICS = false; const CHECKED = false;`;

const device = await (await navigator.gpu.requestAdapter()).requestDevice();
const code = [constants, ...texts].join('\n');
const visibility = GPUShaderStage.COMPUTE;
// All storage, all writable: input, filters, output, bias, adjust, scale_shift, residual, window_sums.
const layout = device.createBindGroupLayout({
  entries: Array.from({ length: 8 }, (_, binding) => ({ binding, visibility, buffer: { type: 'storage' } })),
});
const pipeline = await device.createComputePipelineAsync({
  layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
  compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
});

const tensor = (values) => {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size: values.length * 4, usage });
  device.queue.writeBuffer(buffer, 0, Float32Array.from(values));
  return buffer;
};
const input = tensor(new Float32Array(height * width).fill(1));
// Filters are [height, width, input channels, output channels]: the first sums up, the second takes the middle.
const filters = tensor(Array.from({ length: 9 }, (_, tap) => [1, tap === 4 ? 1 : 0]).flat());
const output = tensor(new Float32Array(height * width * outChannels));
// What no flag asks for takes any small buffer.
const unused = () => tensor([0, 0, 0, 0]);
const buffers = [input, filters, output, unused(), tensor([0.5, 0.5]), unused(), unused(), unused()];
const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));

const result = device.createBuffer({ size: output.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
const encoder = device.createCommandEncoder();
const pass = encoder.beginComputePass();
pass.setPipeline(pipeline);
pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
pass.dispatchWorkgroups(workgroups);
pass.end();
encoder.copyBufferToBuffer(output, 0, result, 0, output.size);
device.queue.submit([encoder.finish()]);
await result.mapAsync(GPUMapMode.READ);
document.querySelector('output').textContent = JSON.stringify([...new Float32Array(result.getMappedRange())]);
