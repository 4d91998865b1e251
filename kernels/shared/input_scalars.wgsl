// Input channels read one by one, for groups of any size.
alias InputVector = f32;
const INPUT_VECTOR = 1u;

// Four channels from one on; behind the last of the group stand any values, which the caller drops.
fn four_channels(offset: u32) -> vec4<f32> {
  var channels: vec4<f32>;
  /* unroll */ for (var e = 0u; e < 4u; e++) {
    channels[e] = input[min(offset + e, LAST_INPUT)];
  }
  return channels;
}
