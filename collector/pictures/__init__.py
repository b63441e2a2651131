# SPDX-License-Identifier: EUPL-1.2
"""Pictures: arrays in, matplotlib figures out, one module for each kind of picture.

Each kind has `draw`, which gives the figure, and `alt`, which says in words what it shows. `style` holds what all look
like, `files` makes the same bytes of the same picture, `terminal` draws without matplotlib, `answered` makes what the
kinds take from the rows of answers. `citimeasure plot` and reports call them.
"""
