"""For testing a strategy: `StrategyContract`, and users and servers for further tests."""

import pytest

pytest.register_assert_rewrite("server.testing.contract")

from server.testing.contract import StrategyContract  # noqa: E402 - its asserts have to be rewritten first
from server.testing.server_process import ServerProcess  # noqa: E402

__all__ = ["ServerProcess", "StrategyContract"]
