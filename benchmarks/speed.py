"""How fast each method trains: seconds an iteration, plainly and fast, memory, arithmetic and scaling.

    python benchmarks/speed.py --methods all --modes plain fast --size 256 --output benchmarks

Needs nothing but torch. benchmarks/README.md has the commands behind the committed results and their columns.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Also in the processes that this one spawns, which import this file again.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.without_pydantic import install_if_missing

install_if_missing()

if __name__ == "__main__":
    from benchmarks.speed_command import main
    from enco.errors import run_cli

    run_cli(main)
