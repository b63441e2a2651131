# SPDX-License-Identifier: EUPL-1.2
"""From single measurements to the mean of an interval, labelled with the interval's end.

Intervals end at whole minutes of the clock once that is known, at whole minutes since the start until then. The first
one is mostly shorter; it is thrown away rather than called a minute.
"""

from kit.data.quantities import hundredths


class Aggregate:
    """Arithmetic means, which is the rule for concentrations and weather."""

    def __init__(self):
        self._sums = {}

    def add(self, values):
        """Adds what a driver measured: {name: value}."""
        for name, value in values.items():
            total = self._sums.get(name)
            if total is None:
                self._sums[name] = [value, 1]
            else:
                total[0] += value
                total[1] += 1

    def close(self):
        """The means in hundredths, {name: int}, and begins anew; {} if nothing was measured."""
        means = {name: hundredths(total / n) for name, (total, n) in self._sums.items()}
        self._sums = {}
        return means


def next_end(clock, interval):
    """The end of the interval that runs now, as uptime [ms]."""
    now = clock.uptime_ms()
    unix = clock.unix_ms(now)
    length = interval * 1000
    return now + length - (now if unix is None else unix) % length
