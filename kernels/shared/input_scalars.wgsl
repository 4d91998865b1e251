// Input channels read one by one, for groups of any size.
alias InputVector = Element;
const INPUT_VECTOR = 1u;

// Four channels from one on; behind the last of the group stand any values, which the caller drops.
fn four_channels(offset: u32) -> vec4<Element> {
  var channels: vec4<Element>;
  /* unroll */ for (var e = 0u; e < 4u; e++) {
    channels[e] = input[min(offset + e, LAST_INPUT)];
  }
  return channels;
}
