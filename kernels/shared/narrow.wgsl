// A conversion from float32 to what is stored.
alias From = Vector;
alias To = Stored;
const NARROW = true;
