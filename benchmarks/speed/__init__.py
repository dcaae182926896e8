"""How fast each method trains: seconds per iteration, memory, arithmetic and scaling.

    python -m benchmarks.speed --methods all --modes plain fast --size 256 --output benchmarks/results

benchmarks/README.md has the commands behind the committed results, and their columns.
"""
