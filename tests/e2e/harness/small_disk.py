"""A file system of a few megabytes, to be filled up."""

import os
import pathlib
import subprocess

import pytest

from .cluster import own


class SmallDisk:
    """Mounted at `path`; skips the test where that is not possible."""

    def __init__(self, path, megabytes):
        self.path = pathlib.Path(path)
        self.path.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", self.path],
                              capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"needs the right to mount a file system: {done.stderr.strip()}")
        own(self.path)

    def fill(self):
        """Until not a byte more fits."""
        with open(self.path / "ballast", "ab", buffering=0) as ballast:
            block = b"\0" * (1 << 20)
            while block:
                try:
                    if ballast.write(block) < len(block):
                        block = block[:len(block) // 2]
                except OSError:
                    block = block[:len(block) // 2]

    def free(self):
        os.unlink(self.path / "ballast")

    def close(self):
        subprocess.run(["umount", "-l", self.path], check=True)
