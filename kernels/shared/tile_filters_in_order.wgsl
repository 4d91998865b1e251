// Filters [.., GROUP_IN, GROUPS * GROUP_OUT] on their way into a tile: each thread loads vectors of output channels.
alias FilterValue = Stored;
alias FilterLoad = Stored;

const FILTER_STEP = TILE_THREADS / BLOCK_VECTORS;
const FILTER_LOADS = (BLOCK_DEPTH + FILTER_STEP - 1u) / FILTER_STEP;
const FILTER_VECTORS = TAPS * GROUP_IN * OUT_VECTORS;

// Where a thread's loads of a tap's first channels are.
fn filter_places(tap: u32, group: u32, channel_block: u32, local: u32) -> array<u32, FILTER_LOADS> {
  let vector = min(channel_block * BLOCK_VECTORS + local % BLOCK_VECTORS, GROUP_VECTORS - 1u);
  var places: array<u32, FILTER_LOADS>;
  /* unroll */ for (var l = 0u; l < FILTER_LOADS; l++) {
    let channel = tap * GROUP_IN + local / BLOCK_VECTORS + l * FILTER_STEP;
    places[l] = channel * OUT_VECTORS + group * GROUP_VECTORS + vector;
  }
  return places;
}

// Input channels from c on; those behind the last of the group are others of the same filters, which meet zeros.
fn load_filter(place: u32, c: u32, local: u32) -> FilterLoad {
  let offset = place + c * OUT_VECTORS;
  let last = FILTER_VECTORS - OUT_VECTORS + place % OUT_VECTORS;
  return filters[select(min(offset, last), offset, WHOLE_STEPS)];
}

fn store_filter(load: u32, local: u32, value: FilterLoad) {
  let depth = local / BLOCK_VECTORS + load * FILTER_STEP;
  let vector = local % BLOCK_VECTORS;
  if ((BLOCK_DEPTH % FILTER_STEP == 0u) | (depth < BLOCK_DEPTH)) {
    let place = depth_place(local / BLOCK_VECTORS, load, FILTER_STEP);
    store_column_vector(place, vector, value);
  }
}
