// A vector of 1 as it lies in memory.
alias Stored = Element;
