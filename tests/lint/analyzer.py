#!/usr/bin/env python3
"""analyzer.py BUILD: gcc -fanalyzer over lib/ and cmd/, with each file's own flags; a finding fails."""

import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
# gcc 12 does not follow ownership through the intrusive lists of sys/queue.h and takes elements that
# are still linked for leaked or freed.
OFF = ["-Wno-analyzer-malloc-leak", "-Wno-analyzer-use-after-free"]


def commands(build):
    """(file, argv) of each C file, sanitizers and outputs away: they cost time and hide paths."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        file = (build / entry["file"]).resolve()
        if not any(file.is_relative_to(TOP / folder) for folder in ("lib", "cmd")):
            continue
        words, kept = iter(shlex.split(entry["command"])), []
        for word in words:
            if word in ("-o", "-MF", "-MQ"):
                next(words)
            elif word not in ("-c", "-MD") and not word.startswith(("-fsanitize", "-O")):
                kept.append(word)
        yield file, kept + ["-O1", "-S", "-o", os.devnull, "-fanalyzer", "-Werror",
                            "-fdiagnostics-color=never", *OFF]


def analyse(build, argv):
    return subprocess.run(argv, cwd=build, capture_output=True, text=True)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    work = dict(commands(build))
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda argv: analyse(build, argv), work.values())
        for file, result in zip(work, results):
            if result.returncode != 0:
                bad += 1
                print(f"== {file.relative_to(TOP)}", *result.stderr.splitlines()[:60], sep="\n")
    if not work:
        print("nothing to analyse")
    return 1 if bad or not work else 0


sys.exit(main())
