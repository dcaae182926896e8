"""Check and measure this project on one GPU within eight minutes: `bash benchmarks/gpu.sh OUT`.

benchmarks/README.md says what each file of OUT is.
"""
