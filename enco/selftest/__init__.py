"""Whether gradients are right on this machine: `python -m enco.selftest`.

A kernel can be wrong on one version of PyTorch, one device or one order of a tensor's dimensions in memory, without a
word. Here every layer, and the whole step of every method, is held against finite differences in float64, and what is
computed in fewer digits against float64.
"""
