// A vector of 4 as it lies in memory.
alias Stored = vec4<Element>;
