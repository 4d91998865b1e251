// Filters [.., output channels, input channels] as the input gradient reads them: as many input channels as a lane loads.
alias FilterRead = StoredRead;
