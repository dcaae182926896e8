"""Settings of a training, typed: parse them, bound them, choose how steps are computed."""
