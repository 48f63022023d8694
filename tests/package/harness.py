# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the package tests share: paths, unpacked Debian packages, TAP."""
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")
LAB = os.path.join(BUILD, "lab")


class Failed(Exception):
    """The test failed; the text says how."""


class Skip(Exception):
    """The test can't be run here; the text says why."""


def expect(condition, what):
    if not condition:
        raise Failed(what)


def run(*argv, check=True, **options):
    """Runs a program; returns the finished process with its output as text, stderr included."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          **options)
    if check and done.returncode:
        raise Failed(f"{' '.join(argv)}: status {done.returncode}\n{done.stdout[-3000:]}")
    return done


def unpacked(package):
    """The folder in which this Debian package was unpacked; a stamp says that it is whole."""
    root = os.path.join(LAB, package)
    if not os.path.exists(os.path.join(root, "complete")):
        done = run(os.path.join(ROOT, "scripts", "lab", "unpack"), root, package, check=False)
        if done.returncode:
            raise Skip(f"Debian's package {package} can't be had: {done.stdout.strip().splitlines()[-1]}")
        write(root, "complete", "")
    return root


def write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def read(*parts):
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as file:
        return file.read()


def contrib(name):
    return read("scripts", "contrib", name)


def pairs(text):
    """The pairs of a text message, read strictly: sentence; key=value key="value"... to its end."""
    pair = r' ([a-z0-9_]+)=(?:"((?:[^"\\]|\\.)*)"|([^ "=]*))'
    found = re.search(rf";((?:{pair})+)$", text)
    if not found:
        return {}
    return {key: re.sub(r'\\(["\\])', r"\1", quoted) if quoted else plain for key, quoted, plain in re.findall(pair, found[1])}


class Report:
    """Prints one TAP line for each test."""

    def __init__(self):
        self.count, self.failed = 0, 0

    def result(self, name, problem=None, skip=None):
        self.count += 1
        print(f"{'not ok' if problem else 'ok'} - {name}{f' # SKIP {skip}' if skip else ''}", flush=True)
        if problem:
            self.failed += 1
            print("\n".join(f"#   {line}" for line in str(problem).splitlines()), flush=True)
