"""A network of the test's own with a router in the middle, which can drop every packet without a word:
what a pulled cable, a dead machine or a firewall does."""

import itertools
import os
import subprocess

import pytest

numbers = itertools.count(os.getpid() % 200)


class Network:
    """server: the address of the far side; around: what starts a program there, as the user postgres."""

    def __init__(self):
        n = next(numbers) % 250
        self.server, self._near = f"10.213.{n}.6", f"10.213.{n}.1"
        self._router, self._far = f"phr{n}", f"phs{n}"
        self._link = f"phl{n}"
        self.around = ["ip", "netns", "exec", self._far, "setpriv", "--reuid=postgres",
                       "--regid=postgres", "--clear-groups"]
        inside, outside = ["-n", self._router], ["-n", self._far]
        try:
            ip("netns", "add", self._router)
            ip("netns", "add", self._far)
            ip("link", "add", self._link, "type", "veth", "peer", "name", "near", "netns", self._router)
            ip("link", "add", "far", "netns", self._router, "type", "veth",
               "peer", "name", "eth0", "netns", self._far)
        except (OSError, subprocess.CalledProcessError) as error:
            self.close()
            pytest.skip(f"needs the right to make network namespaces: {error}")
        for where, address, device in (([], f"{self._near}/30", self._link),
                                       (inside, f"10.213.{n}.2/30", "near"),
                                       (inside, f"10.213.{n}.5/30", "far"),
                                       (outside, f"{self.server}/30", "eth0"),
                                       (outside, "127.0.0.1/8", "lo")):
            ip(*where, "addr", "add", address, "dev", device)
            ip(*where, "link", "set", "dev", device, "up")
        ip("route", "add", f"10.213.{n}.4/30", "via", f"10.213.{n}.2")
        ip(*outside, "route", "add", "default", "via", f"10.213.{n}.5")
        subprocess.run(["ip", "netns", "exec", self._router, "sysctl", "-qw", "net.ipv4.ip_forward=1"],
                       check=True)

    def silence(self):
        for address in (self.server, self._near):
            ip("-n", self._router, "route", "add", "blackhole", f"{address}/32")

    def speak(self):
        for address in (self.server, self._near):
            ip("-n", self._router, "route", "del", "blackhole", f"{address}/32")

    def close(self):
        for namespace in (self._router, self._far):
            subprocess.run(["ip", "netns", "del", namespace], stderr=subprocess.DEVNULL)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
