// The output lies in memory as the input does. As bits its largest number, of float16 65504.
alias Output = Stored;
const LARGEST_OUTPUT = 0x477fe000u;
