"""Settings of the methods, one file for each file of enco/methods, and what they share. Free of torch."""
