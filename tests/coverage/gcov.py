# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What gcov counted, joined over all objects: a header's lines and branches run wherever it is included."""
import concurrent.futures
import json
import os
import subprocess

# Objects handed to one gcov at a time: each costs it a start, all together a gigabyte.
AT_ONCE = 24


class File:
    """Of one source file: how often each line ran, and each branch of a line was taken."""

    def __init__(self):
        self.lines, self.branches = {}, {}

    def add(self, number, count, branches):
        self.lines[number] = self.lines.get(number, 0) + count
        have = self.branches.setdefault(number, [])
        have.extend([0] * (len(branches) - len(have)))
        for i, branch in enumerate(branches):
            have[i] += branch["count"]

    def tally(self):
        """(lines that ran, lines, branches taken, branches)"""
        taken = [n for counts in self.branches.values() for n in counts]
        return [sum(map(bool, self.lines.values())), len(self.lines), sum(map(bool, taken)), len(taken)]

    def missed(self):
        """(line, what) of each that has something left."""
        for number, count in sorted(self.lines.items()):
            left = self.branches.get(number, []).count(0)
            if not count:
                yield number, "never run"
            elif left:
                yield number, "%d of %d branches never taken" % (left, len(self.branches[number]))


def gcov(objects, top):
    p = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", *objects], cwd=top, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return [json.loads(line) for line in p.stdout.splitlines() if line.strip()]


def counted(build):
    """The files of counters that runs have left below a build directory."""
    return sorted(os.path.join(where, name) for where, _, names in os.walk(build) for name in names
                  if name.endswith(".gcda"))


def forget(build):
    for path in counted(build):
        os.unlink(path)


def read(build, top):
    """{source, from the top: File} of the project's own sources, generated ones aside."""
    objects = counted(build)
    some = [objects[i:i + AT_ONCE] for i in range(0, len(objects), AT_ONCE)]
    files = {}
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for of_object in [o for got in pool.map(lambda part: gcov(part, top), some) for o in got]:
            for entry in of_object["files"]:
                path = os.path.relpath(os.path.join(top, entry["file"]), top)
                if path.startswith(".."):
                    continue
                file = files.setdefault(path, File())
                for line in entry["lines"]:
                    file.add(line["line_number"], line["count"], line["branches"])
    return files
