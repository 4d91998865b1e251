// Tensors lie in memory as float16.
enable f16;
alias Element = f16;
