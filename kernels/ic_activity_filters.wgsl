// How often the second term of an IC unit fires: at how many pixels of an image, filter by filter.
//
//   filters[n,k] = number of pixels of image n with y > t, which is where z > t; t as in ic_activity_map
//
// output       [BATCH, PIXELS, CHANNELS], y of the unit, before batch norm
// window_sums  [BATCH, PIXELS, GROUPS]
// adjust       [CHANNELS] with ADJUST 1; the offsets o [CHANNELS] from OFFSETS on, where that is not 0 (o = 0 where it is)
// filters      [BATCH, CHANNELS], u32, overwritten
// Grid: one thread an image and filter, 64 a workgroup; neighbours read neighbouring filters.
@group(0) @binding(0) var<storage, read_write> output: array<f32>;
@group(0) @binding(1) var<storage, read_write> window_sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> adjust: array<f32>;
@group(0) @binding(3) var<storage, read_write> filters: array<u32>;

const GROUP_CHANNELS = CHANNELS / GROUPS;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= BATCH * CHANNELS) {
    return;
  }
  let k = element % CHANNELS;
  var weight = 1.0;
  if (ADJUST == 1u) {
    weight = adjust[k];
  }
  var offset = 0.0;
  if (OFFSETS != 0u) {
    offset = adjust[OFFSETS + k];
  }
  let first = element / CHANNELS * PIXELS;
  var fired = 0u;
  for (var pixel = first; pixel < first + PIXELS; pixel++) {
    let threshold = weight * window_sums[pixel * GROUPS + k / GROUP_CHANNELS] - offset;
    fired += select(0u, 1u, output[pixel * CHANNELS + k] > threshold);
  }
  filters[element] = fired;
}
