"""What a strategy's author needs to test it: `StrategyContract`, and users and servers for tests of one's own."""

import pytest

pytest.register_assert_rewrite("server.testing.contract")

from server.testing.contract import StrategyContract  # noqa: E402 - after the line that makes its asserts talk
from server.testing.server_process import ServerProcess  # noqa: E402

__all__ = ["ServerProcess", "StrategyContract"]
