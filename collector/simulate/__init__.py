# SPDX-License-Identifier: EUPL-1.2
"""The simulator: a city with a truth, kits that err from it, and a fleet that sends their readings over real MQTT.

`city` (from `weather`, `air`, `street`) is the truth; `kit` and `faults` make readings of it, `replay` of a recording;
`fleet` (with `outbox` and `link`) publishes them. The command line and the demo put these together.
"""
