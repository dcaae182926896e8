"""Check gradients on this machine: `python -m enco.selftest`.

A kernel can be wrong on one version of PyTorch, one device or one order of a tensor's dimensions in memory, without an
error. So every layer and every method's whole step is compared with finite differences in float64, and lower precisions
are compared with float64.
"""
