"""Sends each message when it is due, for all members of a process: an open loop that never waits for a reply."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from loadtest.client.websocket import WebSocket
from loadtest.ledger.records import NEVER, Sends
from loadtest.schedule.clock import Clock
from loadtest.schedule.load import Load
from loadtest.schedule.plan import plan
from loadtest.schedule.stamp import stamped_text
from loadtest.schedule.timer import new_timer
from loadtest.schedule.window_order import WindowOrder

MESSAGES_A_TURN = 500
"""After so many that were late, everything else in the hub has a turn: an offer beyond all means must end on Ctrl-C."""
LATE_LIMIT_NS = 1_000_000_000
"""Once the run was cut short, what is later than this is not sent any more: the backlog may be many seconds long."""


class Sender:
    """The schedule and the log of what was sent; all times are of `clock`.

    `websocket_of` gives a sender's connection, `None` where it is not in the room; `is_away` tells whether it left by
    plan, so that its messages are withdrawn. `gate_ns[0]` is the system time (CLOCK_REALTIME) from which on
    `catch_up` has something to send.
    """

    def __init__(
        self,
        load: Load,
        clock: Clock,
        websocket_of: Callable[[int], WebSocket | None],
        is_away: Callable[[int], bool],
    ) -> None:
        self._load = load
        self._clock = clock
        self._websocket_of = websocket_of
        self._is_away = is_away
        self._due: list[tuple[int, int, int]] = []  # (due_ns, sender, seq), ascending
        self._next = 0
        self._log: list[tuple[int, int, int, int]] = []  # (sender, seq, due_ns, sent_ns)
        self._withdrawn: list[tuple[int, int, int, int]] = []  # likewise, of senders that were away
        self._timer = new_timer(self.catch_up)
        self._give_up_ns = NEVER
        self.gate_ns = [NEVER]
        self.sent = 0

    def close(self) -> None:
        """Stop sending."""
        self._timer.close()

    def begin(self, order: WindowOrder, is_own: Callable[[int], bool]) -> Sends:
        """Schedule a window's messages and return its whole plan.

        It sends those of its own members.
        """
        planned = plan(self._load, order)
        everything = zip(planned.due_ns.tolist(), planned.sender.tolist(), planned.seq.tolist(), strict=True)
        self._due = self._due[self._next :] + [message for message in everything if is_own(message[1])]
        self._next = 0
        self.catch_up()
        return planned

    def cut(self, end_ns: int) -> None:
        """Do not send what is due at `end_ns` or later, nor anything `LATE_LIMIT_NS` after that."""
        self._give_up_ns = end_ns + LATE_LIMIT_NS
        self._due = [message for message in self._due[self._next :] if message[0] < end_ns]
        self._next = 0
        self.catch_up()

    def catch_up(self) -> None:
        """Send everything that is due by now, up to `MESSAGES_A_TURN`, and set the timer for what is due next."""
        due = self._due
        if self._give_up_ns != NEVER and self._clock.steady_ns() >= self._give_up_ns:
            for message in due[self._next :]:
                self._leave_out(*message)
            self._next = len(due)
        end = min(len(due), self._next + MESSAGES_A_TURN)
        while self._next < end and due[self._next][0] <= self._clock.steady_ns():
            self._next += 1
            self._send(*due[self._next - 1])
        if self._next < len(due):
            self.gate_ns[0] = self._clock.to_system_ns(due[self._next][0])
            self._timer.set(self._clock.to_monotonic_ns(due[self._next][0]))
        else:
            self.gate_ns[0] = NEVER

    def _send(self, due_ns: int, sender: int, seq: int) -> None:
        websocket = self._websocket_of(sender)
        if websocket is None:
            self._leave_out(due_ns, sender, seq)
            return
        sent_ns = self._clock.now_ns()
        self._log.append((sender, seq, due_ns, sent_ns))
        self.sent += 1
        try:
            websocket.send_text(stamped_text(sender, seq, due_ns, sent_ns, self._load.message_size))
        except Exception as error:  # noqa: BLE001  # one connection's failure must not delay the others' messages
            websocket.abort(f"the swarm could not send: {error!r}")

    def _leave_out(self, due_ns: int, sender: int, seq: int) -> None:
        log = self._withdrawn if self._is_away(sender) else self._log
        log.append((sender, seq, due_ns, NEVER))

    @property
    def log(self) -> Sends:
        """What was due since the log was last cleared, sent or not, except what was withdrawn."""
        return _as_sends(self._log)

    @property
    def withdrawn(self) -> Sends:
        """What was due since the log was last cleared by senders that were away by plan."""
        return _as_sends(self._withdrawn)

    def lags_ns(self, since_ns: int) -> list[int]:
        """Return how late each message was that was sent from `since_ns` on."""
        lags = []
        for _, _, due_ns, sent_ns in reversed(self._log):
            if sent_ns < since_ns:
                break
            if sent_ns != NEVER:
                lags.append(sent_ns - due_ns)
        return lags

    @property
    def unsent(self) -> Sends:
        """What was due since the log was last cleared and was not sent, withdrawn or not."""
        return _as_sends([entry for entry in self._log if entry[3] == NEVER] + self._withdrawn)

    def clear_log(self, before_ns: int) -> None:
        """Forget what was due before `before_ns`."""
        self._log = [entry for entry in self._log if entry[2] >= before_ns]
        self._withdrawn = [entry for entry in self._withdrawn if entry[2] >= before_ns]


def _as_sends(entries: list[tuple[int, int, int, int]]) -> Sends:
    return Sends(*np.array(entries, np.int64).reshape(-1, 4).T)
