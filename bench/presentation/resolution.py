"""Loads that a search found, with no more digits than its resolution carries."""

from __future__ import annotations


def rounded_down(load: int, resolution: float) -> int:
    """Round the lower end of a bracket down to the digits that a resolution carries: at 0.05, 2,263 is 2,200."""
    step = _step(load, resolution)
    return load // step * step


def rounded_up(load: int, resolution: float) -> int:
    """Round the upper end of a bracket up to the digits that a resolution carries: at 0.05, 2,363 is 2,400."""
    return -rounded_down(-load, resolution)


def rounded_to_resolution(load: int, resolution: float) -> int:
    """Round an estimate to the digits that a resolution carries: at 0.05, 1,574 is 1,600."""
    step = _step(load, resolution)
    return (load + step // 2) // step * step


def _step(load: int, resolution: float) -> int:
    """Return the unit of the last digit: of so few digits that rounding is never off by more than the resolution."""
    magnitude, step = len(str(abs(load))), 1
    if resolution <= 0:
        return step
    digits = 1
    while 0.5 * 10 ** (1 - digits) > resolution:
        digits += 1
    return int(10 ** max(0, magnitude - digits))
