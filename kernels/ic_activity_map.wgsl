// Where the second term of an IC unit fires: how many filters it fires for, pixel by pixel.
//
//   map[pixel] = number of filters k with y > t, which is where z > t; t = adjust[k] * S - o (ADJUST 1) or S - o (ADJUST 2)
//
// output       [PIXELS, CHANNELS], y of the unit, before batch norm
// window_sums  [PIXELS, GROUPS]
// adjust       [CHANNELS] with ADJUST 1; the offsets o [CHANNELS] from OFFSETS on, where that is not 0 (o = 0 where it is)
// map          [PIXELS], u32, overwritten
// Grid: one thread a pixel, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> output: array<f32>;
@group(0) @binding(1) var<storage, read_write> window_sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> adjust: array<f32>;
@group(0) @binding(3) var<storage, read_write> map: array<u32>;

const GROUP_CHANNELS = CHANNELS / GROUPS;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let pixel = workgroup_index(workgroup) * 64u + local;
  if (pixel >= PIXELS) {
    return;
  }
  var fired = 0u;
  for (var k = 0u; k < CHANNELS; k++) {
    var threshold = window_sums[pixel * GROUPS + k / GROUP_CHANNELS];
    if (ADJUST == 1u) {
      threshold *= adjust[k];
    }
    if (OFFSETS != 0u) {
      threshold -= adjust[OFFSETS + k];
    }
    fired += select(0u, 1u, output[pixel * CHANNELS + k] > threshold);
  }
  map[pixel] = fired;
}
