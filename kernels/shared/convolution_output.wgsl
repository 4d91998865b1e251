// What every forward convolution does to a finished sum z before its one store; all constants but GROUP_OUT are flags.
//
//   z += bias[k]
//   y = z | z + relu(z - adjust[k] * S + o) | z + relu(z - S + o)      for ADJUST 0 | 1 | 2, S the window sum,
//                                                                      o = adjust[OFFSETS + k], or 0 where OFFSETS is 0
//   y += (SUMS_FACTOR: adjust[k]) * window_sums[pixel, group]           with ADD_SUMS, the input gradient of an IC unit
//   output = activate?(scale[k] * y + shift[k] + residual), or added to what is there with ACCUMULATE; with SLOPES its values
//            below 0 times adjust[k]
//
// output       [pixels, GROUPS * GROUP_OUT]
// bias         [GROUPS * GROUP_OUT], with BIAS
// adjust       [GROUPS * GROUP_OUT] with ADJUST 1, SUMS_FACTOR or SLOPES; for ADJUST 2 [GROUPS * GROUP_IN], read by the kernel.
//              Offsets [GROUPS * GROUP_OUT] lie behind, from OFFSETS on: eight storage buffers are what every device has
// scale_shift  [2, GROUPS * GROUP_OUT]: scales, then shifts; with SCALE_SHIFT. Without it the place of the
//              statistics: with STATISTICS [blocks, 3, GROUPS * GROUP_OUT], of a block of
//              pixels the mean of what is stored, the sum of its squared distances from that, and how many there are; overwritten
// residual     as output, with RESIDUAL; output itself holds it beforehand with IN_PLACE
// window_sums  [pixels, GROUPS], or of a depthwise convolution [pixels, GROUP_OUT] (shared/sum_of_*.wgsl); overwritten with
//              STORE_SUMS, read with GIVEN_SUMS or ADD_SUMS. Without these the place of a status [4] with CHECKED, whose first
//              element becomes 1 where z is not finite or what is stored does not fit; with them the place of the residual is
// Bias, adjust, scales, shifts and window sums are float32; output and residual what shared/output_*.wgsl says.
@group(0) @binding(2) var<storage, read_write> output: array<Output>;
@group(0) @binding(3) var<storage, read_write> bias: array<Vector>;
@group(0) @binding(4) var<storage, read_write> adjust: array<f32>;
@group(0) @binding(5) var<storage, read_write> scale_shift: array<Vector>;
@group(0) @binding(6) var<storage, read_write> residual: array<Output>;
@group(0) @binding(7) var<storage, read_write> window_sums: array<WindowSum>;

const GROUP_VECTORS = GROUP_OUT / VECTOR;
const OUT_VECTORS = GROUPS * GROUP_VECTORS;

// What the output needs of its channels, read once for all pixels of a thread.
struct ChannelTerms {
  bias: Vector,
  adjust: Vector,
  offset: Vector,
  scale: Vector,
  shift: Vector,
}

fn channel_terms(k: u32) -> ChannelTerms {
  var terms = ChannelTerms();
  if (BIAS) {
    terms.bias = bias[k];
  }
  if ((ADJUST == 1u) | SUMS_FACTOR | SLOPES) {
    /* unroll */ for (var i = 0u; i < VECTOR; i++) {
      terms.adjust = set_component(terms.adjust, i, adjust[k * VECTOR + i]);
    }
  }
  if (OFFSETS != 0u) {
    /* unroll */ for (var i = 0u; i < VECTOR; i++) {
      terms.offset = set_component(terms.offset, i, adjust[OFFSETS + k * VECTOR + i]);
    }
  }
  if (SCALE_SHIFT) {
    terms.scale = scale_shift[k];
    terms.shift = scale_shift[OUT_VECTORS + k];
  }
  return terms;
}

// Stores vector k of an output pixel and returns it; `formed` is the pixel's window sum where the kernel forms it.
fn store_output(pixel: u32, group: u32, k: u32, z: Vector, formed: WindowSum, terms: ChannelTerms) -> Vector {
  let element = pixel * OUT_VECTORS + k;
  var sum = formed;
  if (GIVEN_SUMS | ADD_SUMS) {
    sum = window_sums[window_sum_place(pixel, group, element)];
  }
  var y = z;
  if (BIAS) {
    y += terms.bias;
  }
  if (ADJUST != 0u) {
    var threshold = Vector(sum);
    if (ADJUST == 1u) {
      threshold *= terms.adjust;
    }
    if (OFFSETS != 0u) {
      threshold -= terms.offset;
    }
    y += rectify(y - threshold);
  }
  if (ADD_SUMS) {
    if (SUMS_FACTOR) {
      y += terms.adjust * sum;
    } else {
      y += sum;
    }
  }
  if (SCALE_SHIFT) {
    y = y * terms.scale + terms.shift;
  }
  if (RESIDUAL) {
    if (IN_PLACE) {
      y += Vector(output[element]);
    } else {
      y += Vector(residual[element]);
    }
  }
  if (ACTIVATED) {
    y = activate(y);
  }
  if (SLOPES) {
    y = select(y, terms.adjust * y, y < Vector());
  }
  if (ACCUMULATE) {
    y += Vector(output[element]);
  }
  output[element] = Output(y);
  if (CHECKED) {
    if (!fits(z, y, LARGEST_OUTPUT)) {
      if (STORE_SUMS | ADD_SUMS) {
        residual[0] = Output(splat(1.0));
      } else {
        window_sums[0] = WindowSum(1.0);
      }
    }
  }
  return y;
}

// Mean of values and the sum of their squared distances from it, kept up value by value (Welford, 1962): nothing cancels.
struct Moments {
  count: f32,
  mean: Vector,
  squares: Vector,
}

fn with_value(moments: Moments, value: Vector) -> Moments {
  let count = moments.count + 1.0;
  let distance = value - moments.mean;
  let mean = moments.mean + distance * (1.0 / count);
  return Moments(count, mean, moments.squares + distance * (value - mean));
}

fn with_moments(moments: Moments, others: Moments) -> Moments {
  let count = moments.count + others.count;
  let share = others.count / max(count, 1.0);
  let distance = others.mean - moments.mean;
  let squares = moments.squares + others.squares + moments.count * share * distance * distance;
  return Moments(count, moments.mean + share * distance, squares);
}

fn store_moments(block: u32, k: u32, moments: Moments) {
  let place = block * 3u * OUT_VECTORS + k;
  scale_shift[place] = moments.mean;
  scale_shift[place + OUT_VECTORS] = moments.squares;
  scale_shift[place + 2u * OUT_VECTORS] = splat(moments.count);
}
