// Input channels read 4 at a time, for groups of a multiple of 4.
alias InputVector = vec4<Element>;
const INPUT_VECTOR = 4u;

// Four channels from a vector on; behind the last of the group stand any values, which the caller drops.
fn four_channels(offset: u32) -> vec4<Element> {
  return input[select(min(offset, LAST_INPUT), offset, WHOLE_STEPS)];
}
