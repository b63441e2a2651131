# SPDX-License-Identifier: EUPL-1.2
"""The noise kernel over files of samples. MicroPython.

argv: how many blocks to leave out of the sums, samples in a block, then files of 32-bit samples. Prints the kernel's
state at the end of each file, and before it the sums over all blocks that count, as C and A.
"""

import sys
from array import array

from kit.noise.kernel import weigh

skip, n = int(sys.argv[1]), int(sys.argv[2])
block = array("i", bytes(4 * n))
for path in sys.argv[3:]:
    state = array("i", bytes(44))
    c = a = blocks = 0
    with open(path, "rb") as file:
        while True:
            got = file.readinto(block)
            if not got:
                break
            weigh(0, 0, 0, block, got // 4, state)
            if blocks >= skip:
                c += state[7] * 65536 + state[6]
                a += state[9] * 65536 + state[8]
            blocks += 1
            last = list(state)
            for i in range(6, 10):
                state[i] = 0
    print(c, a, *last)
