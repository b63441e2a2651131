# SPDX-License-Identifier: EUPL-1.2
"""Names of quantities as on the wire; the place in the tuple is the code in stored records. Only ever append.

Values travel through the kit as integers of hundredths of their unit: exact in 4 bytes, exact as text, on every chip.
A test compares the names with the collector's glossary.
"""

NAMES = (
    "pm1", "pm25", "pm4", "pm10", "temperature", "humidity", "pressure", "co2", "voc_index", "nox_index",
    "laeq", "lceq", "lafmax", "lafmin", "la10", "la50", "la90",
)  # fmt: skip
CODES = {name: code for code, name in enumerate(NAMES)}


def hundredths(value):
    """A measured value as an integer of hundredths, rounded half away from zero."""
    return int(value * 100 + (0.5 if value >= 0 else -0.5))


def text(value):
    """Hundredths as the shortest decimal number."""
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value), 100)
    if part == 0:
        return "%s%d.0" % (sign, whole)
    if part % 10 == 0:
        return "%s%d.%d" % (sign, whole, part // 10)
    return "%s%d.%02d" % (sign, whole, part)
