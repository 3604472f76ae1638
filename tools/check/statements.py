#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/check: every numbered statement of MQTT 3.1.1 and 5 has its place in the table
of the front door (tests/system/mqtt/README.md says how to read it). Prints every gap as
`path: number: what was found; what is allowed` and exits 1 if there is one.

    tools/check/statements.py             problems, then a line of counts per version
    tools/check/statements.py --list      the table with the tests behind each number
    tools/check/statements.py --root DIR  another tree (the check's own tests)
"""
import argparse
import ast
import collections
import pathlib
import re
import sys

FOLDER = "tests/system/mqtt"
DISPOSITIONS = ("tested", "n/a", "deviates")
CLIENT = "client: "  # a reason that begins so needs no test: the server has no part in it

# Section -> highest number in it, of the lists in appendix B (3.1.1: OASIS Standard of
# 29 October 2014; 5.0: Candidate OASIS Standard 01 of 31 October 2018, which became the
# standard). Numbers begin with 1 but for GAPS.
SECTIONS = {
    "3.1.1": {
        "1.5.3": 3, "2.2.2": 2, "2.3.1": 7, "3.1.0": 2, "3.1.2": 24, "3.1.3": 11, "3.1.4": 5,
        "3.2.0": 1, "3.2.2": 6, "3.3.1": 12, "3.3.2": 3, "3.3.4": 1, "3.3.5": 2, "3.6.1": 1,
        "3.8.1": 1, "3.8.3": 4, "3.8.4": 6, "3.9.3": 2, "3.10.1": 1, "3.10.3": 2, "3.10.4": 6,
        "3.12.4": 1, "3.14.1": 1, "3.14.4": 3, "4.1.0": 2, "4.3.1": 1, "4.3.2": 2, "4.3.3": 2,
        "4.4.0": 1, "4.5.0": 2, "4.6.0": 6, "4.7.1": 3, "4.7.2": 1, "4.7.3": 4, "4.8.0": 2,
        "6.0.0": 4, "7.0.0": 2, "7.1.1": 1, "7.1.2": 1,
    },
    "5": {
        "1.5.4": 3, "1.5.5": 1, "1.5.7": 1, "2.1.3": 1, "2.2.1": 6, "2.2.2": 1, "3.1.0": 2,
        "3.1.2": 30, "3.1.3": 12, "3.1.4": 6, "3.2.0": 2, "3.2.2": 22, "3.3.1": 13, "3.3.2": 20,
        "3.3.4": 10, "3.4.2": 3, "3.5.2": 3, "3.6.1": 1, "3.6.2": 3, "3.7.2": 3, "3.8.1": 1,
        "3.8.3": 5, "3.8.4": 8, "3.9.2": 2, "3.9.3": 2, "3.10.1": 1, "3.10.3": 2, "3.10.4": 6,
        "3.11.2": 2, "3.11.3": 2, "3.12.4": 1, "3.14.0": 1, "3.14.1": 1, "3.14.2": 4,
        "3.14.4": 3, "3.15.1": 1, "3.15.2": 3, "4.1.0": 2, "4.2.0": 1, "4.3.1": 1, "4.3.2": 5,
        "4.3.3": 13, "4.4.0": 2, "4.5.0": 2, "4.6.0": 6, "4.7.0": 1, "4.7.1": 2, "4.7.2": 1,
        "4.7.3": 4, "4.8.2": 6, "4.9.0": 3, "4.12.0": 7, "4.12.1": 2, "4.13.1": 1, "4.13.2": 1,
        "6.0.0": 4,
    },
}
GAPS = {"5": {"2.2.1-1"}}
MARKS = {"v3": ("3.1.1",), "v5": ("5",), "both": ("3.1.1", "5")}

Row = collections.namedtuple("Row", "number disposition about reason pins")


def numbers_of(version):
    """Every number of a version."""
    return [f"{section}-{n}" for section, most in SECTIONS[version].items()
            for n in range(1, most + 1) if f"{section}-{n}" not in GAPS.get(version, ())]


class Statements:
    """The tables and tests of a tree."""

    def __init__(self, root):
        self.folder = root / FOLDER
        self.problems = []
        self.tests = set()  # every test of the system tests
        self.marked = {version: collections.defaultdict(list) for version in SECTIONS}
        for path in sorted((root / "tests/system").glob("test_*.py")):
            self.tests.update(name.name for name in self.functions(path))
        for path in sorted(self.folder.glob("test_*.py")):
            for function in self.functions(path):
                self.tests.add(function.name)
                self.take_marks(path, function)
        self.rows = {version: self.read(version) for version in SECTIONS}
        for version in SECTIONS:
            self.check(version)

    def report(self, where, number, text):
        """One thing that is wrong."""
        self.problems.append(f"{FOLDER}/{where}: {number}: {text}")

    # ---- tests and their marks ----------------------------------------------

    def functions(self, path):
        """The tests of a file; a second one of the same name would hide the first."""
        found = [node for node in ast.parse(path.read_text()).body
                 if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        counts = collections.Counter(node.name for node in found)
        for name, count in counts.items():
            if count > 1:
                self.report(path.name, name, f"{count} tests of this name; 1")
        return found

    def take_marks(self, path, function):
        """Marks above a test, as statements.py makes them."""
        for mark in function.decorator_list:
            if not isinstance(mark, ast.Call) or getattr(mark.func, "id", None) not in MARKS:
                continue
            for argument in mark.args:
                number = getattr(argument, "value", None)
                if not isinstance(number, str) or mark.keywords:
                    self.report(path.name, function.name, "a mark that is no plain text")
                    continue
                for version in MARKS[mark.func.id]:
                    self.marked[version][number].append(function.name)

    # ---- the table ----------------------------------------------------------

    def read(self, version):
        """Rows of the table of a version."""
        name = f"statements-{version}.tsv"
        path = self.folder / name
        lines = path.read_text().splitlines() if path.exists() else []
        rows = []
        for line in lines:
            if not line.startswith("#") and not line.startswith("number\t"):
                fields = (line.split("\t") + [""] * 4)[:5]
                rows.append(Row(*(field.strip() for field in fields)))
        return rows

    def check(self, version):
        """Whole, each number once, each row in order."""
        name = f"statements-{version}.tsv"
        known = set(numbers_of(version))
        counts = collections.Counter(row.number for row in self.rows[version])
        for number in numbers_of(version):
            if counts[number] != 1:
                self.report(name, number, f"found {counts[number]} times; once")
        for number in sorted(set(counts) - known):
            self.report(name, number, "is no statement of this version")
        for number in sorted(set(self.marked[version]) - known):
            tests = ", ".join(self.marked[version][number])
            self.report(name, number, f"marked by {tests}; is no statement of this version")
        for row in self.rows[version]:
            if row.number in known:
                self.check_row(name, row, self.marked[version].get(row.number, []))

    def check_row(self, name, row, marked):
        """What the disposition of a row asks for."""
        pins = row.pins.split()
        for test in pins + re.findall(r"\btest_\w+", row.reason):
            if test not in self.tests:
                self.report(name, row.number, f"names {test}; there is no such test")
        if row.disposition not in DISPOSITIONS:
            self.report(name, row.number,
                        f"found {row.disposition!r}; {', '.join(DISPOSITIONS)}")
        if not row.about:
            self.report(name, row.number, "does not say what it is about")
        if row.disposition == "tested":
            if not marked:
                self.report(name, row.number, "tested, and no test carries its mark")
            if row.reason or pins:
                self.report(name, row.number, "tested, with a reason or pins; only marks count")
            return
        if not row.reason:
            self.report(name, row.number, f"{row.disposition} without a reason")
        if not pins and not row.reason.startswith(CLIENT):
            self.report(name, row.number,
                        f"{row.disposition}, and no test pins what happens instead")
        if row.disposition == "n/a" and marked:
            self.report(name, row.number, f"n/a, and marked by {', '.join(marked)}")

    # ---- showing ------------------------------------------------------------

    def counts(self, version):
        """A line."""
        found = collections.Counter(row.disposition for row in self.rows[version])
        parts = ", ".join(f"{found[name]} {name}" for name in DISPOSITIONS)
        return f"statements: MQTT {version}: {len(self.rows[version])}: {parts}"

    def listing(self, version):
        """The table with its tests."""
        for row in self.rows[version]:
            yield f"{version} {row.number} {row.disposition}: {row.about}"
            if row.reason:
                yield f"    {row.reason}"
            for test in self.marked[version].get(row.number, []) + row.pins.split():
                yield f"    {test}"


REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def main():
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=REPOSITORY)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    statements = Statements(options.root.resolve())
    for version in SECTIONS:
        if options.list:
            print("\n".join(statements.listing(version)))
    if statements.problems:
        print("\n".join(statements.problems))
    for version in SECTIONS:
        print(statements.counts(version))
    return 1 if statements.problems else 0


if __name__ == "__main__":
    sys.exit(main())
