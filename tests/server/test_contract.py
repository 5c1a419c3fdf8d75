"""Every built-in strategy passes the contract suite."""

from __future__ import annotations

import pytest

from server.strategies import STRATEGIES
from server.testing import StrategyContract


class TestContract(StrategyContract):
    @pytest.fixture(scope="class", params=STRATEGIES)
    @classmethod
    def strategy_name(cls, request: pytest.FixtureRequest) -> str:
        name: str = request.param
        return name
