"""The search with made-up servers: sharp edges, noisy edges, and generators that reach their limit first."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.capacity.search import Outcome, Rules, Search

LIMIT = 10_000
REPEATS = 3
RULES = Rules(start=50, limit=LIMIT, repeats=REPEATS, resolution=0.05)
MAX_TRIES = 200
Server = Callable[[int], Outcome]


def find(server: Server, rules: Rules = RULES) -> tuple[Search, list[int]]:
    """Search until it is done; return the search and the loads that it tried."""
    search = Search(rules)
    tried: list[int] = []
    while (load := search.next_load()) is not None:
        assert len(tried) < MAX_TRIES
        tried.append(load)
        search.record(load, server(load))
    return search, tried


def up_to(max_load: int, beyond: Outcome = Outcome.FAILED) -> Server:
    return lambda load: Outcome.HELD if load <= max_load else beyond


def noisy(edge: float, width: float, seed: int) -> Server:
    """Hold a load by chance: half of the tries at `edge`, 73 % at a load that is `width` (as a share) smaller."""
    chance = random.Random(seed)

    def outcome(load: int) -> Outcome:
        odds = math.exp(min(50, math.log(load / edge) / width))
        return Outcome.HELD if chance.random() < 1 / (1 + odds) else Outcome.FAILED

    return outcome


@given(max_load=st.integers(1, LIMIT - 1), start=st.integers(1, LIMIT), repeats=st.integers(1, 5))
def test_a_sharp_edge_is_found_to_the_resolution_and_confirmed(max_load: int, start: int, repeats: int) -> None:
    search, tried = find(up_to(max_load), Rules(start, LIMIT, repeats, 0.05))
    assert search.edge is not None
    assert search.held <= max_load < search.edge
    assert search.edge <= max(search.held * 1.05, search.held + 1)
    assert (search.low, search.high) == (search.held, search.edge)
    assert tried.count(search.held) == tried.count(search.edge) == repeats
    assert len(set(tried)) <= 2 + math.log2(LIMIT) + 5  # growing or shrinking, then 5 halvings of a factor of 2


def test_the_search_grows_then_bisects_then_repeats() -> None:
    _, tried = find(up_to(437))
    assert tried == [50, 100, 200, 400, 800, 566, 476, 436, 456, 436, 436, 456, 456]


def test_a_load_that_fails_at_the_start_shrinks() -> None:
    search, tried = find(up_to(20))
    assert tried[:3] == [50, 25, 12]
    assert (search.held, search.edge) == (20, 21)


def test_a_capacity_of_0_differs_from_a_capacity_of_1() -> None:
    nothing, _ = find(up_to(0))
    assert (nothing.held, nothing.low, nothing.high) == (0, 0, 1)
    one, _ = find(up_to(1))
    assert (one.held, one.low, one.high) == (1, 1, 2)


def test_a_server_that_holds_the_limit_has_no_edge() -> None:
    search, tried = find(up_to(LIMIT))
    assert (search.held, search.low, search.edge, search.high) == (LIMIT, LIMIT, None, None)
    assert tried.count(LIMIT) == REPEATS
    assert max(tried) == LIMIT


@given(max_load=st.integers(1, LIMIT - 1))
def test_a_generators_limit_ends_the_search_below_it(max_load: int) -> None:
    search, tried = find(up_to(max_load, beyond=Outcome.DOUBTFUL))
    assert search.edge is not None
    assert search.outcome(search.edge) is Outcome.DOUBTFUL
    assert search.held <= max_load < search.edge <= max(search.held * 1.05, search.held + 1)
    assert (search.low, search.high) == (search.held, None)
    assert tried.count(search.edge) == REPEATS // 2 + 1


def test_one_doubtful_try_is_repeated_and_decides_nothing() -> None:
    answers = iter([Outcome.DOUBTFUL])
    search, tried = find(lambda load: next(answers, up_to(437)(load)))
    assert tried[:2] == [50, 50]
    assert search.held == 436


def test_a_chance_outcome_is_overruled() -> None:
    unlucky = iter([Outcome.HELD, Outcome.FAILED])
    search, _ = find(lambda load: next(unlucky, up_to(437)(load)))  # 100 fails once
    assert search.held == 436
    lucky = {566: iter([Outcome.HELD])}
    search, _ = find(lambda load: next(lucky.get(load, iter(())), up_to(437)(load)))  # 566 is held once
    assert search.held == 436


@given(st.floats(2, 9_000), st.floats(0.001, 0.3), st.integers(0, 2**32))
def test_a_noisy_edge_ends_with_the_interval_that_all_tries_agree_on(edge: float, width: float, seed: int) -> None:
    server = noisy(edge, width, seed)
    seen: dict[int, list[Outcome]] = {}

    def remembered(load: int) -> Outcome:
        seen.setdefault(load, []).append(server(load))
        return seen[load][-1]

    search, _ = find(remembered)
    assert all(len(outcomes) <= REPEATS for outcomes in seen.values())
    assert search.low <= search.held < (search.edge or math.inf) <= (search.high or math.inf)
    if search.held:
        assert seen[search.held].count(Outcome.HELD) > REPEATS / 2
    if search.low:
        assert seen[search.low] == [Outcome.HELD] * REPEATS
    if search.high:
        assert seen[search.high] == [Outcome.FAILED] * REPEATS


def test_beyond_loads_that_disagree_the_next_one_is_as_far_out_as_they_reach() -> None:
    answers: dict[int, list[Outcome]] = {}

    def server(load: int) -> Outcome:
        if load <= 680:
            return Outcome.HELD
        if load > 800:
            return Outcome.FAILED
        return answers.setdefault(load, [Outcome.FAILED, Outcome.HELD, Outcome.FAILED]).pop()

    search, tried = find(server)
    assert (search.held, search.low, search.high) == (673, 673, round(800 * 800 / 673))
    assert max(tried) == search.high


@given(st.data())
def test_any_sequence_of_outcomes_ends(data: st.DataObject) -> None:
    find(lambda _: data.draw(st.sampled_from(Outcome)), Rules(start=4, limit=16, repeats=2, resolution=0.05))


def test_the_held_load_is_near_the_middle_of_a_noisy_edge() -> None:
    edge, width = 437, 0.05
    held = sorted(find(noisy(edge, width, seed))[0].held for seed in range(300))
    assert held[150] == pytest.approx(edge, rel=width)
    assert held[8] > edge * (1 - 4 * width)
    assert held[-8] < edge * (1 + 4 * width)
