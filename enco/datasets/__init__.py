"""Where data sets come from: catalogue, archives, preparation, procedural demo images."""
