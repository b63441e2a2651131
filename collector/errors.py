# SPDX-License-Identifier: EUPL-1.2
"""Every error that a user may see. Each says what happened, what it means and what to do, and knows its exit code.

CitimeasureError              1  failed
├── UsageError                2  the words of a command do not fit together
├── SettingError              3  a setting is wrong, or a folder cannot be used
├── NothingFound              4  the question was fine, the answer is empty
├── BoardError                5  a board or its serial port
├── NetworkError              6  a broker, a store or the registry's database is away
│   ├── BrokerError
│   └── StoreError
│       ├── StoreUnavailable     away for now: trying again will help
│       └── StoreRefused         it answered no: trying again will not help
├── Refused                   7  privacy or calibration forbids it
└── DataError                 1  a file or message is not what it should be
"""

from __future__ import annotations

from typing import ClassVar


class CitimeasureError(Exception):
    """The root. `str(error)` is one sentence for a person; `hint` is what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


class UsageError(CitimeasureError):
    """Options that do not fit together."""

    exit_code = 2


class SettingError(CitimeasureError):
    """A setting that cannot be used: its value, or the folder or port that it names."""

    exit_code = 3


class NothingFound(CitimeasureError):
    """No such device, record or period."""

    exit_code = 4


class BoardError(CitimeasureError):
    """A board that does not answer, or a serial port that cannot be opened."""

    exit_code = 5


class NetworkError(CitimeasureError):
    """Something on the other end of a connection is away."""

    exit_code = 6


class BrokerError(NetworkError):
    """The MQTT broker cannot be reached, or refused the collector."""


class StoreError(NetworkError):
    """A store cannot do what was asked."""


class StoreUnavailable(StoreError):
    """The store is away or busy; `retry_after` seconds is what it asked for, if it did."""

    def __init__(self, what: str, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(what, hint)
        self.retry_after = retry_after


class StoreRefused(StoreError):
    """The store read the request and refused it (HTTP 400, 413, 422, or 401, 403, 404 with `access`).

    Where the store said more: `kind` is "type" (the field holds values of another type) or "age" (older than the store
    keeps), `quantity` the one it is about, `dropped` how many lines of the request it refused.
    """

    def __init__(
        self,
        what: str,
        hint: str = "",
        *,
        access: bool = False,
        kind: str = "",
        quantity: str = "",
        dropped: int | None = None,
    ) -> None:
        super().__init__(what, hint)
        self.access, self.kind, self.quantity, self.dropped = access, kind, quantity, dropped


class Refused(CitimeasureError):
    """Forbidden by a consent, or by a rule of calibration such as no random splits."""

    exit_code = 7


class DataError(CitimeasureError):
    """A file or a message that is not what it should be."""
