"""What the witnesses saw, and the file they leave it in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


class Delivery(NamedTuple):
    """A stamped message at one witness: `*_ns` are CLOCK_REALTIME nanoseconds.

    `from_kernel` tells whether `arrival_ns` is the kernel's receive time; else it is when the witness had read it.
    """

    witness: int
    sender: int
    seq: int
    due_ns: int
    sent_ns: int
    arrival_ns: int
    from_kernel: bool


@dataclass(frozen=True, slots=True)
class Observation:
    """All deliveries, in the order each witness got them, and how the witnesses sat in the room.

    The first arrays have one value a delivery (see `Delivery`). Those of the last line have one a witness: when it
    joined, and how many other members were there before it.
    """

    witness: Integers
    sender: Integers
    seq: Integers
    due_ns: Integers
    sent_ns: Integers
    arrival_ns: Integers
    from_kernel: Integers
    joined_ns: Integers
    joined_after: Integers

    @classmethod
    def of(cls, deliveries: list[Delivery], joined: list[tuple[int, int]]) -> Self:
        """Gather deliveries and the (joined_ns, joined_after) of each witness."""
        columns = np.array(deliveries, np.int64).reshape(-1, len(Delivery._fields)).T
        return cls(*columns, *np.array(joined, np.int64).reshape(-1, 2).T)

    def save(self, path: Path) -> None:
        """Write all arrays to an `.npz` file in one rename, so that a reader never sees half a file."""
        temporary = path.with_name(path.name + ".tmp")
        with temporary.open("wb") as file:
            np.savez_compressed(file, **{name: getattr(self, name) for name in self.__slots__})
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.

        """
        with np.load(path) as file:
            return cls(**file)


def spread(users: int, witnesses: int) -> list[int]:
    """Return each witness's seat, the number of others to join after: from first to last, equally far apart."""
    return [number * users // (witnesses - 1) for number in range(witnesses)]


def share(users: int, witnesses: int) -> float:
    """Return how many others there are from one seat to the next."""
    return users / (witnesses - 1)
