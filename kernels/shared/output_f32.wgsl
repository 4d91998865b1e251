// The output lies in memory as float32, whatever the input does.
alias Output = Vector;
const LARGEST_OUTPUT = 0x7f7fffffu;
