"""How what is delivered grows with the load: the Universal Scalability Law, where there is something to fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

from bench.analysis.slo import KEEPS_UP

LEAST_LOADS = 4  # for three parameters
LARGEST_ERROR = 0.1
STANDARD_ERRORS = 1.96  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class Point:
    """One load, and the deliveries a second that were offered and made at it."""

    load: int
    offered_per_s: float
    delivered_per_s: float


class Curve(msgspec.Struct, frozen=True):
    """X(N) = slope N / (1 + sigma (N - 1) + kappa N (N - 1)): deliveries a second at the load N (Gunther, 2007).

    `sigma` tells of waiting for what is shared, `kappa` of work that grows with the square of the load. `error` is how
    far the points are from the curve: the root of their mean squared relative distances.
    """

    slope: float
    sigma: float
    kappa: float
    error: float

    @property
    def peak_load(self) -> float:
        """The load with the most deliveries a second; infinite where there is none."""
        return math.sqrt((1 - self.sigma) / self.kappa) if self.kappa else math.inf

    def delivered_per_s(self, load: float) -> float:
        """Evaluate the curve."""
        return float(_law(np.array([load]), self.slope, self.sigma, self.kappa)[0])


class Scaling(msgspec.Struct, frozen=True):
    """What can be said of the growth: in words, as a `curve` where one fits, with its `peak_load` if in range."""

    finding: str
    curve: Curve | None = None
    peak_load: float | None = None


def fit(points: Sequence[Point]) -> Scaling:
    """Fit the law to all points, by relative distance, or say why that would mean nothing.

    The load is open-loop: below saturation what is delivered is what was offered, a straight line whatever the server
    is like. So there is something to fit only where the line bends.
    """
    points = [point for point in points if point.delivered_per_s > 0]
    loads = {point.load for point in points}
    if len(loads) < LEAST_LOADS:
        return Scaling(f"no fit: {len(loads)} different loads, at least {LEAST_LOADS} are needed")
    if all(point.delivered_per_s >= KEEPS_UP * point.offered_per_s for point in points):
        share = f"{KEEPS_UP:.0%} or more of what was offered"
        return Scaling(f"no peak in range: {share} was delivered at every load, so there is no bend to fit")
    try:
        curve, kappa_error = _fit(points)
    except RuntimeError:  # of curve_fit, which found no minimum
        return Scaling("no fit: no curve comes near the points")
    if curve.error > LARGEST_ERROR:
        return Scaling(
            f"no fit: the points are {curve.error:.0%} off the nearest curve, at most {LARGEST_ERROR:.0%} will do"
        )
    if curve.kappa <= STANDARD_ERRORS * kappa_error:
        return Scaling("no peak in range: delivered throughput levels off, and nothing says that it falls", curve)
    if curve.peak_load > max(loads):
        return Scaling(f"no peak in range: the curve rises up to {max(loads):,}, the largest load tried", curve)
    peak = f"{curve.delivered_per_s(curve.peak_load):,.0f} deliveries/s at a load of {curve.peak_load:,.0f}"
    return Scaling(f"most are delivered, {peak}; more load means fewer", curve, curve.peak_load)


def _fit(points: Sequence[Point]) -> tuple[Curve, float]:
    """Return the nearest curve and the standard error of its kappa."""
    load = np.array([point.load for point in points], dtype=float)
    delivered = np.array([point.delivered_per_s for point in points])
    steepest, most = float((delivered / load).max()), float(load.max())
    scale = steepest, 1 / most, 1 / most**2
    parameters, covariance = curve_fit(
        _law, load, delivered, p0=scale, sigma=delivered, bounds=(0, (np.inf, 1, np.inf)), x_scale=scale
    )
    error = float(np.sqrt(np.mean((_law(load, *parameters) / delivered - 1) ** 2)))
    slope, sigma, kappa = map(float, parameters)
    return Curve(slope, sigma, kappa, error), float(np.sqrt(covariance[2, 2]))


def _law(load: NDArray[np.float64], slope: float, sigma: float, kappa: float) -> NDArray[np.float64]:
    return slope * load / (1 + sigma * (load - 1) + kappa * load * (load - 1))
