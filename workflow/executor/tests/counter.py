"""Count up to N, five a second: `counter.py FILE N [STARTS]`.

The counter saves its state every two seconds and, on USR2 or TERM, before it ends with 75. It counts on beyond N until
it has been started so many times. Every start and stop is a line in FILE.story, and FILE appears at the end.
"""

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

asked: list[int] = []


def note(number: int, frame: FrameType | None) -> None:
    asked.append(number)


def main(path: Path, last: int, starts: int = 1) -> None:
    for number in (signal.SIGUSR2, signal.SIGTERM):
        signal.signal(number, note)
    saved, story = path.with_suffix(".saved"), path.with_suffix(".story")
    count = int(saved.read_text()) if saved.exists() else 0
    tell(story, f"start {count} gpu={os.environ.get('CUDA_VISIBLE_DEVICES', '')} {time.time():.2f}")
    starts -= story.read_text().count("start")
    while count < last or starts > 0:
        time.sleep(0.2)
        count += 1
        if asked or count % 10 == 0:
            saved.write_text(str(count))
        if asked:
            tell(story, f"stop {count} {signal.Signals(asked[0]).name} {time.time():.2f}")
            sys.exit(75)
    tell(story, f"end {count} - {time.time():.2f}")
    path.write_text(str(count))


def tell(story: Path, line: str) -> None:
    with story.open("a") as file:
        file.write(f"{line}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
