// Input channels that a lane loads at a time: 1.
alias Read = f32;
alias StoredRead = Element;
const READ = 1u;

fn channels_of(read: Read) -> array<f32, READ> {
  return array<f32, READ>(read);
}
