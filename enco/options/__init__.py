"""Settings of the methods, one file for each file of enco/methods, and their shared bases. Free of torch."""
