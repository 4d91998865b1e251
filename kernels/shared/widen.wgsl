// A conversion from what is stored to float32.
alias From = Stored;
alias To = Vector;
const NARROW = false;
