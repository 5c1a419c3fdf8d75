"""The errors of the bench: one tree, so that a caller may catch all of them as `BenchError`."""

from __future__ import annotations

from collections.abc import Sequence

from bench.model.run import Failure


class BenchError(Exception):
    """Something the bench cannot do; its message says what was given, what is allowed and what to do."""


class TrialError(BenchError):
    """A trial cannot go on; carries the `Failure` to report, with the last lines of the log that may tell why."""

    def __init__(self, message: str, log: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.failure = Failure(message, list(log))


class RefusedFlagsError(TrialError):
    """A server does not accept the flags it was started with; `failure.log` is what it says."""


class RevisionError(BenchError, ValueError):
    """A revision of the server's code is unknown, or cannot be checked out."""


class TargetError(BenchError, ValueError):
    """The description of a target is wrong."""


class YardstickError(BenchError, OSError):
    """The speed of this machine could not be measured."""


class JoinError(BenchError):
    """A server did not let a member in."""


class FolderInUseError(BenchError):
    """Another bench is writing to a results folder."""


class FolderNotEmptyError(BenchError, FileExistsError):
    """A folder for new results has content already, which is never overwritten."""


class ResultsError(BenchError, ValueError):
    """Stored results are missing, damaged or of another format."""


class NotStoredError(ResultsError):
    """A campaign of the manifest has no stored result yet; `campaign` is its name."""

    def __init__(self, message: str, campaign: str) -> None:
        super().__init__(message)
        self.campaign = campaign


class NoFigureError(ResultsError):
    """A stored result is without the valid figure that is asked for."""


class ManifestError(BenchError, ValueError):
    """The manifest of campaigns and claims is invalid, or does not have what was asked for."""


class FiguresError(BenchError, ValueError):
    """A page's markers of generated figures are wrong."""


class ScenarioError(BenchError, ValueError):
    """A scenario does not exist, or its file is not valid."""


class SloError(BenchError, ValueError):
    """A service-level objective is not written as the gate reads it."""


class VariantError(BenchError, ValueError):
    """A campaign does not have the variants that are to be compared."""


class ChartLeftOutError(BenchError):
    """A chart cannot be drawn from these results; the message says what they lack."""
