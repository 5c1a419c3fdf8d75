"""What the observers saw, and the file that they write it to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

FILE = "witnesses.npz"
ARRAY_NAMES = {"observer": "witness"}
"""Fields whose array in the file has another name."""


class Delivery(NamedTuple):
    """A stamped message at one observer: `*_ns` are CLOCK_REALTIME nanoseconds.

    `from_kernel` tells whether `arrival_ns` is the kernel's receive time; else it is when the observer had read it.
    """

    observer: int
    sender: int
    seq: int
    due_ns: int
    sent_ns: int
    arrival_ns: int
    from_kernel: bool


@dataclass(frozen=True, slots=True)
class Observation:
    """All deliveries, in the order in which each observer got them, and when the observers joined.

    `joined_ns` and `joined_after` have one value per observer: when it joined, and how many other members were there
    before it. The other arrays have one value per delivery (see `Delivery`).
    """

    observer: Integers
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
        """Gather deliveries and the (joined_ns, joined_after) of each observer."""
        columns = np.array(deliveries, np.int64).reshape(-1, len(Delivery._fields)).T
        return cls(*columns, *np.array(joined, np.int64).reshape(-1, 2).T)

    def save(self, path: Path) -> None:
        """Write all arrays to an `.npz` file in one rename, so that a reader never sees half a file."""
        temporary = path.with_name(path.name + ".tmp")
        with temporary.open("wb") as file:
            np.savez_compressed(file, **{ARRAY_NAMES.get(name, name): getattr(self, name) for name in self.__slots__})
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.

        """
        with np.load(path) as file:
            return cls(**{name: file[ARRAY_NAMES.get(name, name)] for name in cls.__slots__})


def join_positions(users: int, observers: int) -> list[int]:
    """Return after how many others each observer joins: from first to last, equally far apart."""
    return [number * users // (observers - 1) for number in range(observers)]


def join_spacing(users: int, observers: int) -> float:
    """Return how many others join between two observers."""
    return users / (observers - 1)
