# SPDX-License-Identifier: EUPL-1.2
"""What a kit does not take, and what it does with a bad line: nothing of it ever lies in a slot that is started."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware import sign
from tests.firmware import board
from tests.firmware.ota import kits

# Feeds one case after the other: how the files are changed, and how the line behaves; the outcome of each.
INSTALL = """
import asyncio, json, os, sys, vfs
from shelf import Shelf
from kit.ota import fetch, slots, verify
cases = [json.loads(line) for line in sys.stdin]
files = {}
for name in ("manifest.jsonl", "manifest.sig", "files.bin"):
    with open(sys.argv[1] + "/" + name, "rb") as file:
        files[name] = file.read()
with open(sys.argv[2], "rb") as file:
    key = file.read()
class Flash:
    def __init__(self, n):
        self.data = bytearray(4096 * n)
    def readblocks(self, block, buffer, offset=0):
        buffer[:] = memoryview(self.data)[block * 4096 + offset:][:len(buffer)]
    def writeblocks(self, block, buffer, offset=0):
        memoryview(self.data)[block * 4096 + offset:][:len(buffer)] = buffer
    def ioctl(self, op, arg):
        return {4: len(self.data) // 4096, 5: 4096}.get(op, 0)
vfs.umount("/")
for case in cases:
    flash = Flash(case.get("blocks", 64))
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), "/")
    os.mkdir("/keys")
    with open("/keys/next.pub", "wb") as file:
        file.write(bytes.fromhex(case["key"]) if "key" in case else key)
    if "state" in case:
        slots.save(case["state"])
    before = slots.load()
    def change(name, body):
        if name == case.get("file"):
            if "replace" in case:
                old, new = case["replace"]
                return body.replace(old.encode(), new.encode())
            if "flip" in case:
                i = case["flip"] % len(body)
                return body[:i] + bytes([body[i] ^ 1 << case["flip"] % 8]) + body[i + 1:]
            return body[:case.get("cut", len(body))]
        return body
    def shorter(name, body):
        return body[:case["short"]] if name == case.get("file") and "short" in case else body
    outcome = "installed"
    for limit in case.get("limits", [None]):
        web = Shelf(lambda name: None if name == case.get("missing") else shorter(name, files[name]),
                    change=change, limit=limit, piece=case.get("piece", 700), ranges=case.get("ranges", True))
        try:
            asyncio.run(fetch.install(case.get("url", "http://shelf/r/"), "0.2.0", "0.1.0", "kit-1", web.open))
        except verify.Refused as error:
            outcome = "refused: %s" % error
        except OSError as error:
            outcome = "again: %s" % error
        else:
            outcome = "installed"
    state = slots.load()
    whole = "manifest.jsonl" in (os.listdir("/a") if "a" in os.listdir("/") else [])
    files_left = "manifest.new" in os.listdir("/")
    print(json.dumps([outcome, state.get("active"), whole, files_left, state == before, web.asked]))
    vfs.umount("/")
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A release that is signed with the next key, the only one that these kits know."""
    return kits.small_release(tmp_path_factory.mktemp("r"), "0.2.0", key="next")


def install(release, *cases):
    """The outcome of each case; what is not installed must have left nothing behind that could be started."""
    feed = "".join(json.dumps(case) + "\n" for case in cases)
    out = board.run(INSTALL, release, kits.keys() / "next.pub", heap="4m", feed=feed)
    found = [json.loads(line) for line in out.splitlines()]
    for outcome, active, whole, left, _, _ in found:
        good = outcome == "installed"
        assert (active == "/a") == whole == good and not left, outcome
    assert len(found) == len(cases)
    return found


@pytest.mark.parametrize("piece", [1, 7, 700])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_goes_on_where_it_was_cut(release, piece, ranges):
    cut = {"piece": piece, "ranges": ranges, "limits": [500, 3000, 4500, None]}
    ((outcome, _, _, _, _, asked),) = install(release, cut)
    assert outcome == "installed" and asked[-1] == ["files.bin", 3030], asked


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ({"file": "manifest.sig", "flip": 1000}, "bad_signature"),
        ({"file": "manifest.jsonl", "replace": ["0.2.0", "0.2.1"]}, "bad_signature"),
        ({"key": ""}, "bad_signature"),
        ({"state": {"floor": "0.2.0"}}, "older: not newer than 0.2.0"),
        ({"state": {"floor": "1.0.0"}}, "older: not newer than 1.0.0"),
        ({"state": {"failed": ["0.2.0"]}}, "failed_before"),
        ({"blocks": 24}, "no_room: "),
        ({"missing": "manifest.sig"}, "http: 404 for manifest.sig"),
        ({"missing": "files.bin"}, "http: 404 for files.bin"),
        ({"file": "files.bin", "flip": 1234}, "wrong_hash: kit/"),
        ({"url": "http://shelf/r r/"}, "address: "),
        ({"url": "http://she\r\nlf/"}, "address: "),
        ({"url": "ftp://shelf/"}, "address: "),
        ({"url": "http://"}, "address: "),
        ({"url": "http://a@b/"}, "address: "),
        ({"url": "http://shelf:port/"}, "address: "),
    ],
)
def test_it_is_refused(release, case, words):
    outcome = install(release, case)[0][0]
    assert outcome.startswith("refused: ") and words in outcome


@pytest.mark.parametrize("name", ["manifest.jsonl", "manifest.sig", "files.bin"])
def test_a_file_that_is_cut_short_is_no_update(release, name):
    """On its way here, or already on the server, which then names the shorter length."""
    cuts = (0, 1, 100, 300)
    assert all(one[0].startswith("again: ") for one in install(release, *({"file": name, "cut": n} for n in cuts)))
    assert all(one[0].startswith("refused: ") for one in install(release, *({"file": name, "short": n} for n in cuts)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"board": "kit-2"}, "other_board: for kit-2"),
        ({"arch": "xtensawin"}, "other_arch: for xtensawin, not x86"),
        ({"runtime": "1.99"}, "old_runtime: needs 1.99"),
        ({"version": "0.2.1"}, "other_version: 0.2.1"),
        ({"version": "0.1.0"}, "other_version: 0.1.0"),
    ],
)
def test_a_signed_release_for_others_is_refused(release, tmp_path, change, words):
    head = sign.Release(**{**vars(sign.Release("0.2.0", "1.25", "kit-1", "any", 1, 1, 1)), **change})
    tree = release.parent / "tree-0.2.0"
    message = tree / "kit/data/message.py"
    message.write_text(f"0.2.0 {head.version}")
    sign.sign_release(tree, tmp_path / "out", kits.keys() / "next.pem", head)
    assert words in install(tmp_path / "out", {})[0][0]


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["manifest.jsonl", "manifest.sig"]), st.integers(0, 4000)), min_size=20, max_size=40
    )
)
def test_one_flipped_bit_writes_nothing(release, flips):
    for outcome, *_, untouched, _asked in install(release, *({"file": name, "flip": at} for name, at in flips)):
        assert outcome == "refused: bad_signature" and untouched


DECODE = """
import sys, json
from kit.ota import verify
for line in sys.stdin:
    with open(sys.argv[1], "wb") as file:
        file.write(bytes.fromhex(line.strip()[1:]))
    try:
        head = verify.check(sys.argv[1])
        print(json.dumps([head["version"], [list(one) for one in verify.files(sys.argv[1])]]))
    except verify.Refused as error:
        print(json.dumps(str(error)))
"""


def decode(folder, manifests):
    """What the kit makes of manifests, in one process."""
    feed = "".join(f"x{manifest.hex()}\n" for manifest in manifests)
    return [json.loads(line) for line in board.run(DECODE, folder / "m", heap="2m", feed=feed).splitlines()]


names = st.text('abz09_-./A\\"', max_size=12)
entries = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(["kit/a.py", "kit/b/c.mpy", "kit/../x.py", "/kit/a.py", "kit//a.py"]), names),
        st.integers(-1, 2**21),
        st.one_of(st.just("0" * 64), st.text("0123456789abcdefG", max_size=65)),
    ),
    max_size=4,
)
heads = st.fixed_dictionaries(
    {"v": st.sampled_from([1, 1, 1, 2])},
    optional={
        "version": st.sampled_from(["0.2.0", "0.2", "0.02.0", "a.b.c", "1.2.3.4", 5, None]),
        "runtime": st.sampled_from(["1.25", "1", "x", 1.25]),
        "board": st.sampled_from(["kit-1", "", "KIT", 1]),
        "arch": st.sampled_from(["any", "a b", None]),
        "created": st.sampled_from([1, 0, -1, 1.0, "1", True]),
        "files": st.integers(0, 4),
        "size": st.integers(0, 2**21),
    },
)


@st.composite
def manifests(draw):
    """Good ones, nearly good ones, and bytes."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    listed = draw(entries)
    head = draw(heads)
    if draw(st.booleans()):
        listed = sorted(
            {f"kit/{'abc'[i]}.py": (size % 1000, "0" * 64) for i, (_, size, _) in enumerate(listed[:3])}.items()
        )
        listed = [(path, *rest) for path, rest in listed]
        good = sign.Release("0.2.0", "1.25", "kit-1", "any", 1, len(listed), sum(one[1] for one in listed))
        head = {"v": 1, **vars(good)}
    lines = [json.dumps(one, separators=(",", ":")) for one in [head, *map(list, listed)]]
    content = "".join(line + "\n" for line in lines).encode()
    if draw(st.booleans()):
        at = draw(st.integers(0, len(content) - 1))
        content = draw(st.sampled_from([content[:at], content[:at] + b" " + content[at:], content + content[at:]]))
    return content


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.large_base_example])
@given(st.lists(manifests(), min_size=100, max_size=150))
def test_kit_and_host_agree_on_what_a_manifest_is(tmp_path, contents):
    """Whatever the bytes: the kit refuses them with a reason, or reads what the host reads."""
    for content, found in zip(contents, decode(tmp_path, contents), strict=True):
        try:
            release, listed = sign.read_manifest(content)
        except sign.SigningError:
            assert isinstance(found, str) and found.startswith("manifest: "), content
        else:
            assert found == [release.version, [list(one) for one in listed]], content


def test_kits_share_themselves_out_as_the_host_says():
    code = "import sys, json\nfrom kit.ota.order import takes_part\n"
    code += "for d in json.loads(sys.stdin.read()): print(int(takes_part(d, '0.2.0', 20)))"
    devices = [f"kit-{n:06}" for n in range(1000)]
    told = [line == "1" for line in board.run(code, heap="1m", feed=json.dumps(devices)).split()]
    assert told == [sign.takes_part(device, "0.2.0", 20) for device in devices]
    assert 150 < sum(told) < 250
    assert all(sign.takes_part(device, "0.2.0", 60) for device, part in zip(devices, told, strict=True) if part)
