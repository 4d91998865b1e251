// A vector of 2 as it lies in memory.
alias Stored = vec2<Element>;
