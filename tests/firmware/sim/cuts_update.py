# SPDX-License-Identifier: EUPL-1.2
"""Power cuts over every flash operation of updates, on littlefs. MicroPython.

argv: a folder with release-0.2.0 (good), release-0.3.0 (one that crashes) and release-0.4.0 (good), the public key,
boot.py, and of how many cuts one is tried. After each cut the kit is started until it stays, and has to end in a good
version with all of its files, in four starts at most. Prints a line of JSON.
"""

import asyncio
import json
import os
import sys

import vfs
from flash import recorded, tried
from shelf import Shelf

from kit.ota import fetch, order, slots, verify

BAD = "0.3.0"
folder, key, boot_py, step = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


def content(path):
    with open(path, "rb") as file:
        return file.read()


def digests(path):
    return {name: (size, digest) for name, size, digest in verify.files(path)}


releases = {}
files = {}
for version in ("0.2.0", BAD, "0.4.0"):
    base = "%s/release-%s/" % (folder, version)
    releases[version] = {name: content(base + name) for name in ("manifest.jsonl", "manifest.sig", "files.bin")}
    files[version] = digests(base + "manifest.jsonl")
public, boot = content(key), compile(content(boot_py), "boot.py", "exec")


class Machine:
    WDT_RESET = 3
    hung = False

    @staticmethod
    def reset_cause():
        return 3 if Machine.hung else 1


sys.modules["machine"] = Machine


def start():
    """One start; the version whose files are all in the slot that was chosen."""
    sys.path[:] = [""]
    exec(boot, {})
    slot = sys.path[0]
    if not slot:
        assert content("/kit/start.py") == b"0.1.0"
        return "0.1.0"
    for version, want in files.items():
        if all(verify.is_file("%s/%s" % (slot, name), *one) for name, one in want.items()):
            return version
    raise AssertionError("the slot %s is not whole" % slot)


class Updates:
    """As much of one as counts an order."""

    class clock:
        @staticmethod
        def uptime_ms():
            return 0

        @staticmethod
        def unix_ms(_):
            return 1_800_000_000_000


def install(version, running, **how):
    assert order.counted(Updates, version)
    web = Shelf(lambda name: releases[version][name], **how)
    asyncio.run(fetch.install("http://shelf/r/", version, running, "kit-1", web.open))


def crash():
    """What main.py does after a crash."""
    state = slots.load()
    if state.get("phase") in ("trial", "probation"):
        state["why"] = "crash"
        state["tries"] += state["phase"] == "probation"
        slots.save(state)


def confirm():
    state = slots.load()
    if state.get("phase") == "trial":
        slots.confirm(state)


def prepare():
    os.mkdir("/kit")
    os.mkdir("/keys")
    for path, data in (("/kit/start.py", b"0.1.0"), ("/keys/current.pub", public)):
        with open(path, "wb") as file:
            file.write(data)


def life():
    """0.1.0, cut off in a download, then 0.2.0, which stays; 0.3.0, which crashes; 0.4.0, which stays."""
    try:
        install("0.2.0", "0.1.0", limit=4000)
        raise AssertionError("it was to be cut off")
    except OSError:
        pass
    install("0.2.0", "0.1.0")
    for version, running in (("0.2.0", None), (BAD, "0.2.0"), ("0.4.0", "0.2.0")):
        if running:
            install(version, running)
        yield "on trial"
        for _ in range(4):
            if start() == BAD:
                crash()
            else:
                confirm()
        yield "done"
    state = slots.load()
    slots.settle(state)
    yield "settled"


def check(cut):
    starts, version = 1, start()
    while version == BAD:
        crash()
        starts, version = starts + 1, start()
        assert starts <= 4, "no good version in four starts"
    confirm()
    assert start() == version, "it does not stay"
    if cut % 5 == 0 and version != "0.4.0":
        install("0.4.0", version, piece=300, ranges=cut % 2 == 0)
        assert start() == "0.4.0"
        confirm()
        assert start() == "0.4.0" and slots.load()["result"] == ["confirmed", "0.4.0", ""]


vfs.umount("/")
before, log, steps = recorded("/", 72, prepare, life)
print(json.dumps(tried("/", before, log, check, step)))
