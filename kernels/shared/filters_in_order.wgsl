// Filters [.., input channels, output channels] as a convolution reads them: vectors of output channels.
alias FilterRead = Stored;
