"""A publisher in a process of its own: `publisher_process.py <store> <how many>`; 0 goes on until it is killed.

Prints a line when it is ready and each version's number once its commit has returned.
"""

import sys
from itertools import count

from model_store import open_store
from tests.unit.model_store.published import publish


def main(url: str, how_many: int) -> None:
    store = open_store(url)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for turn in range(how_many) if how_many else count():
        data = bytes([turn % 256])
        published = publish(store, files={f"part-{part}.bin": data * 200_000 for part in range(4)})
        sys.stdout.write(f"{published.version}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
