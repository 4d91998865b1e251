// Filters [.., GROUP_OUT, GROUPS * GROUP_IN] of the convolution whose input gradient this is, read from their last tap to the
// first on their way into a tile: each thread loads four neighbouring input channels of an output channel.
alias FilterValue = InputVector;
alias FilterLoad = vec4<f32>;

const FILTER_STEP = TILE_THREADS / DEPTH_FOURS;
const FILTER_LOADS = (BLOCK_COLUMNS + FILTER_STEP - 1u) / FILTER_STEP;
const LAST_FILTER = TAPS * GROUP_OUT * IN_VECTORS - 1u;

// Where a thread's loads of a tap's first channels are.
fn filter_places(tap: u32, group: u32, channel_block: u32, local: u32) -> array<u32, FILTER_LOADS> {
  var places: array<u32, FILTER_LOADS>;
  /* unroll */ for (var l = 0u; l < FILTER_LOADS; l++) {
    let channel = min(channel_block * BLOCK_COLUMNS + local / DEPTH_FOURS + l * FILTER_STEP, GROUP_OUT - 1u);
    places[l] = ((TAPS - 1u - tap) * GROUP_OUT + channel) * IN_VECTORS;
    places[l] += (group * GROUP_IN + local % DEPTH_FOURS * 4u) / INPUT_VECTOR;
  }
  return places;
}

// Input channels from c on; behind the last of the group stand zeros.
fn load_filter(place: u32, c: u32, local: u32) -> FilterLoad {
  let offset = place + c / INPUT_VECTOR;
  var value = vec4<f32>(vec4<Element>(filters[select(min(offset, LAST_FILTER), offset, WHOLE_STEPS)]));
  if (INPUT_VECTOR == 1u) {
    /* unroll */ for (var e = 1u; e < 4u; e++) {
      value[e] = f32(vec4<Element>(filters[min(offset + e, LAST_FILTER)]).x);
    }
  }
  if (!WHOLE_STEPS) {
    let channels = vec4<u32>(0, 1, 2, 3) + (c + local % DEPTH_FOURS * 4u);
    value = select(vec4<f32>(), value, channels < vec4<u32>(GROUP_IN));
  }
  return value;
}

fn store_filter(load: u32, local: u32, value: FilterLoad) {
  let channel = local / DEPTH_FOURS + load * FILTER_STEP;
  if ((BLOCK_COLUMNS % FILTER_STEP == 0u) | (channel < BLOCK_COLUMNS)) {
    store_column_four(local % DEPTH_FOURS, channel, value);
  }
}
