# SPDX-License-Identifier: Apache-2.0
"""tools/check/statements.py must go red: the table is broken in each way once."""
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[4]
TABLE_3, TABLE_5 = "statements-3.1.1.tsv", "statements-5.tsv"


@pytest.fixture
def tree(tmp_path):
    """A copy of what the check reads."""
    folder = tmp_path / "tests/system/mqtt"
    folder.mkdir(parents=True)
    for path in (ROOT / "tests/system/mqtt").glob("*.*"):
        shutil.copy(path, folder)
    for path in (ROOT / "tests/system").glob("test_*.py"):
        shutil.copy(path, folder.parent)
    return folder


def run(tree, *arguments):
    """Exit code and output."""
    done = subprocess.run([sys.executable, ROOT / "tools/check/statements.py", "--root",
                           tree.parents[2], *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def replace(path, pattern, text):
    """Exactly one place."""
    changed, count = re.subn(pattern, text, path.read_text(), flags=re.M)
    assert count == 1, f"{count} places have {pattern}"
    path.write_text(changed)


def test_the_table_is_whole_and_its_counts_are_printed(tree):
    code, output = run(tree)
    assert code == 0, output
    for line, numbers in (("statements: MQTT 3.1.1: 141: ", 141),
                          ("statements: MQTT 5: 251: ", 251)):
        rest = output.split(line)[1].split("\n")[0]
        assert sum(int(part.split()[0]) for part in rest.split(", ")) == numbers


@pytest.mark.parametrize("table, pattern, text, word", [
    (TABLE_5, r"^3\.1\.2-24\t.*\n", "", "3.1.2-24: found 0 times"),
    (TABLE_3, r"^(3\.8\.4-3\t.*\n)", r"\1\1", "3.8.4-3: found 2 times"),
    (TABLE_5, r"^(3\.8\.4-3)\t", "3.8.4-9\t", "3.8.4-9: is no statement"),
    (TABLE_5, r"^(4\.2\.0-1\t)tested", r"\1perhaps", "4.2.0-1: found 'perhaps'"),
    (TABLE_5, r"^(4\.2\.0-1\t)tested", r"\1", "4.2.0-1: found ''"),
    (TABLE_5, r"^(4\.2\.0-1\ttested\t).*", r"\1", "4.2.0-1: does not say"),
    (TABLE_5, r"^(4\.2\.0-1\t)tested(.*)", r"\1n/a\2\tclient: its own", "4.2.0-1: n/a, and marked"),
    (TABLE_5, r"^(4\.9\.0-1\t)n/a(\t[^\t]*).*", r"\1tested\2", "4.9.0-1: tested, and no test"),
    (TABLE_5, r"^(4\.9\.0-1\tn/a\t[^\t]*).*", r"\1", "4.9.0-1: n/a without a reason"),
    (TABLE_5, r"^(4\.9\.0-1\tn/a\t[^\t]*\t[^\t]*).*", r"\1", "4.9.0-1: n/a, and no test pins"),
    (TABLE_5, r"^(3\.3\.1-5\tdeviates\t[^\t]*\t[^\t]*).*", r"\1", "3.3.1-5: deviates, and no"),
    (TABLE_5, r"^(3\.3\.1-5\tdeviates\t[^\t]*).*", r"\1", "3.3.1-5: deviates without"),
    (TABLE_5, r"^(4\.9\.0-1\t.*\t)test_\w+", r"\1test_nothing", "there is no such test"),
    (TABLE_5, r"^(4\.2\.0-1\ttested\t.*)", r"\1\tit works", "4.2.0-1: tested, with a reason"),
])
def test_each_way_to_break_the_table_is_found(tree, table, pattern, text, word):
    replace(tree / table, pattern, text)
    code, output = run(tree)
    assert code == 1 and word in output, output


@pytest.mark.parametrize("pattern, text, word", [
    (r'^@v5\("4\.12\.0-1"\)\n', "", "4.12.0-1: tested, and no test"),
    (r'^@v5\("4\.12\.0-1"\)\n', '@v5("4.12.0-99")\n', "4.12.0-99: marked by"),
    (r'^@v5\("4\.12\.0-1"\)\n', '@v5("4.12." + "0-1")\n', "a mark that is no plain text"),
    (r"^def test_ping\b", "def test_slow_loris", "2 tests of this name"),
])
def test_each_way_to_lose_a_test_is_found(tree, pattern, text, word):
    file = "test_packets.py" if "ping" in pattern else "test_connect.py"
    replace(tree / file, pattern, text)
    code, output = run(tree)
    assert code == 1 and word in output, output


def test_the_list_names_the_tests_behind_a_number(tree):
    code, output = run(tree, "--list")
    assert code == 0
    assert "5 4.12.0-1 tested: an authentication method is refused\n" \
           "    test_authentication_methods_are_refused\n" in output
    assert "5 3.3.2-12 n/a" in output and "    test_topic_aliases_are_refused\n" in output
