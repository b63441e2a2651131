# SPDX-License-Identifier: EUPL-1.2
"""What the store finds on flash when the kit starts. Its code goes again after that."""

import os

from kit.data.segment import Segment


def read_number(path):
    """The number in a small file; 0 if there is none."""
    try:
        with open(path) as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0


def read_zeros(path):
    """When boots began [ms since 1970], of those that knew it: what they kept without a time can be dated."""
    zeros = {}
    try:
        with open(path) as file:
            for line in file:
                boot, _, zero = line.strip().partition(" ")
                zeros[int(boot)] = int(zero)
    except (OSError, ValueError):
        pass  # none yet; or the end of the file is torn
    return zeros


def segments(folder):
    """(segments with readings that wait, the last one's number, torn records), as the files say."""
    found, torn = [], 0
    numbers = sorted([int(name[:-4]) for name in os.listdir(folder) if name.endswith(".seg")])
    for number in numbers:
        segment = Segment(folder, number)
        segment.sealed = True  # a new boot begins a new segment: an old one may end in half a record
        for record in segment.records():
            if record is None:
                torn += 1
            else:
                segment.note(record.boot, record.seq)
        segment.load_acks()
        if segment.left:
            found.append(segment)
        else:
            segment.remove()
    return found, numbers[-1] if numbers else 0, torn
