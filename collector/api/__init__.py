# SPDX-License-Identifier: EUPL-1.2
"""The API: answers of the engine over HTTP, for cities and researchers. `citimeasure serve` runs it.

A request comes in, its parameters become a question (asking.py), a worker with a store of its own answers it (desk.py),
and the rows leave in the form that was asked for (forms.py). What cannot be answered is a problem with a sentence
(problems.py). Nothing here writes into a store.
"""
