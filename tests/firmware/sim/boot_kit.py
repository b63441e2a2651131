# SPDX-License-Identifier: EUPL-1.2
"""A whole kit from reset to reset: boot.py and main.py on a flash that is a folder. MicroPython.

argv: a file with a JSON object (MicroPython takes no argument of more than 255 characters). `flash` and `shelf` (files
of the web server) are folders, `cause` is that of the reset, `seconds` of virtual time end with a power cut, `command`
is retained at the broker, `orders` come one with each reading, `collector` says whether there is one, `timeless` that
no server tells the time, `dawdle` how many seconds the web server takes for a read, `later` how many after the first
start it is; `crowd` is for its whole application: whether it has "everything", and hours in which the broker is "away";
`rom` gives the board a partition for ROM of so many "blocks", in whose writing the power is "cut" after so many (-1 is
never); `speed` puts the kit on real sockets, that many times as fast, `ago` seconds ago. Prints a line of JSON: how it
ended (power, reset, watchdog), and the bytes of heap that the simulation itself takes; every status that was published
is a line of /statuses.
"""

import asyncio
import asyncio.core as core
import gc
import json
import os
import random
import socket as real_socket
import struct
import sys
import time

import parts
import vfs
import virtual

with open(sys.argv[1]) as file:
    run = json.load(file)
random.seed(run.get("seed", 1))
for name in [name for name in sys.modules if name == "kit" or name.startswith("kit.")]:
    del sys.modules[name]  # parts needs the check sum; the kit comes from its flash


class Ended(BaseException):
    pass


class Machine:
    """Like the module machine of an ESP32."""

    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
    watched = False

    @staticmethod
    def reset_cause():
        return {"power": 1, "reset": 2, "watchdog": 3}[run["cause"]]

    @staticmethod
    def reset():
        raise Ended("reset")

    class Pin:
        IN = PULL_UP = OUT = OPEN_DRAIN = 1

        def __init__(self, *_, **__):
            pass

        def __call__(self, *_):
            return 1

        def init(self, *_, **__):
            pass

        def value(self, *_):
            return 1

    class RTC:
        def datetime(self, moment):
            year, month, day, _, hour, minute, second, _ = moment
            Time.ahead = time.mktime((year, month, day, hour, minute, second, 0, 0)) - ticks() // 1000

    class UART:
        def __init__(self, *_, **__):
            pass

        def any(self):
            return 0

        def read(self, *_):
            return None

        readinto = write = read

    @staticmethod
    def I2C(*_, **__):
        return parts.I2C({0x44: parts.SHT45(), 0x69: parts.SPS30()})

    @staticmethod
    def hang():
        """What a version that hangs calls: the watchdog bites, if there is one."""
        raise Ended("watchdog" if Machine.watched else "hung for ever")


class WDT:
    def __init__(self, timeout):
        assert timeout <= 120_000
        Machine.watched = True

    def feed(self):
        pass


class Network:
    STA_IF = 0

    @staticmethod
    def hostname(_):
        pass

    class WLAN:
        def __init__(self, _):
            pass

        def active(self, _):
            pass

        def isconnected(self):
            return True

        def status(self, _):
            return -60

        def ifconfig(self):
            return "192.0.2.7", "255.255.255.0", "192.0.2.1", "192.0.2.1"


class NeoPixel:
    def __init__(self, *_):
        pass

    def __setitem__(self, n, colour):
        pass

    def write(self):
        pass


class Lights:
    NeoPixel = NeoPixel


class TimeServer:
    """A socket on which a time server answers at once (SNTP, RFC 4330), with the kit's virtual time."""

    def setblocking(self, _):
        pass

    def sendto(self, question, _):
        self.stamp = question[40:48]

    def recv(self, _):
        now = struct.pack("!II", zero + time.ticks_diff(ticks(), began) // 1000 + 2208988800, 0)
        return b"\x24\x02" + bytes(14) + now + self.stamp + now + now

    def close(self):
        pass


class Sockets:
    """The module socket, but that nobody's time is asked for."""

    def __getattr__(self, name):
        return getattr(real_socket, name)

    @staticmethod
    def getaddrinfo(host, port, *rest):
        if port == 123 and run.get("timeless"):
            raise OSError(-2)
        return [(2, 2, 0, "", b"")] if port == 123 else real_socket.getaddrinfo(host, port, *rest)

    @staticmethod
    def socket(family=2, kind=1, *rest):
        return TimeServer() if kind == real_socket.SOCK_DGRAM else real_socket.socket(family, kind, *rest)


class Elsewhere:
    """What this world lacks: a phone that asks for the page, and a cable on the serial port."""

    class Door:
        def __init__(self, app):
            self.run = idle

    @staticmethod
    async def serve(*_):
        pass


async def idle():
    await asyncio.sleep(400_000)


class Time:
    """Like the module time, but virtual. Who did not set the chip's clock lives in 1970 after a power cut."""

    ahead = None

    def __getattr__(self, name):
        return getattr(time, name)

    @staticmethod
    def ticks_ms():
        return ticks()

    @staticmethod
    def time():
        if Time.ahead is None and run["cause"] != "power":
            return zero + time.ticks_diff(ticks(), began) // 1000
        return (Time.ahead or 0) + ticks() // 1000

    @staticmethod
    def sleep(seconds):
        pass


Machine.WDT = WDT
sys.modules.update({
    "machine": Machine, "network": Network, "neopixel": Lights, "time": Time(), "socket": Sockets(),
    "kit.net.improv": Elsewhere,
})  # fmt: skip
if "crowd" in run:
    import crowd

    crowd.equip(Machine, run["crowd"]["everything"])
    asyncio.start_server = crowd.visits
else:
    sys.modules["kit.net.door"] = Elsewhere

if "rom" in run:
    import partition

if "speed" in run:
    ticks = virtual.hurry(run["speed"])
else:
    import far_end
    import shelf

    virtual.jump()
    ticks = virtual._ticks
    far = far_end.FarEnd(lambda: virtual.START + virtual.now_ms() // 1000, "/book")
    far.command = run.get("command")
    took = far.took

    def took_and_noted(line, topic, payload):
        if topic.endswith("/status"):
            with open("/statuses", "ab") as file:  # not in the kit's heap
                file.write(payload)
                file.write("\n")
        elif run.get("collector", True):
            took(line, topic, payload)
            if run.get("orders"):
                line.say(topic.replace("readings", "command"), run["orders"].pop(0))

    far.took = took_and_noted

    def file_of(name):
        try:
            with open("/host/" + name, "rb") as file:
                return file.read()
        except OSError:
            return None

    web = shelf.Shelf(file_of, dawdle=run.get("dawdle", 0))

    async def open_connection(host, port, ssl=None, server_hostname=None):
        if host == "stranger":
            raise ValueError("The certificate is not correctly signed by the trusted CA")
        if host == "tarpit":
            Machine.hang()
        if host == "dated" and not zero - 86400 < Time.time() < zero + 86400:
            raise ValueError("The certificate validity starts in the future")
        if "crowd" in run:
            first, last = run["crowd"]["away"]
            far.state = "away" if first <= virtual.now_ms() / 3_600_000 < last else "there"
        return await (far.open() if port == 1883 else web.open(host, port))

    asyncio.open_connection = open_connection

wait = core._io_queue.wait_io_event


class Queue:
    """asyncio's queue of sockets, until the power is cut."""

    def __getattr__(self, name):
        return getattr(queue, name)

    def wait_io_event(self, dt):
        if time.ticks_diff(ticks(), began) >= run["seconds"] * 1000:
            raise Ended("power")
        wait(dt)


queue, began = core._io_queue, ticks()
# A kit in a hurry starts some time ago, so that it does not come into the collector's future.
zero = int(time.time()) - run["ago"] if "speed" in run else virtual.START + run.get("later", 0)
core._io_queue = Queue()


class Flash:
    """A folder as the root. VfsPosix alone mixes the two paths of a rename up when it has a folder of its own."""

    def __init__(self, folder):
        self._folder, self._inside, self._plain = folder, vfs.VfsPosix(folder), vfs.VfsPosix()

    def __getattr__(self, name):
        return getattr(self._inside, name)

    def rename(self, old, new):
        self._plain.rename(self._folder + old, self._folder + new)


vfs.umount("/")
vfs.mount(Flash(run["flash"]), "/")
vfs.mount(vfs.VfsPosix(run["shelf"]), "/host")
os.chdir("/")
if "rom" in run:
    sys.modules["vfs"] = partition.Vfs("/romfs.bin", run["rom"]["blocks"], run["rom"]["cut"], Ended)
sys.path[:] = ["", ".frozen"]
gc.collect()
simulation = gc.mem_alloc()
try:
    for name in ("boot.py", "main.py"):
        with open("/" + name) as file:
            code = compile(file.read(), name, "exec")  # a board does not keep the text either
        exec(code, {"__name__": "__main__"})
    end = "nothing ran"
except Ended as error:
    end = error.args[0]
print(json.dumps({"end": end, "simulation": simulation}))
