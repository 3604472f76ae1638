# SPDX-License-Identifier: Apache-2.0
"""tools/check must go red: each rule is broken once on purpose."""
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[4]
PY = "# SPDX-License-Identifier: Apache-2.0\n"
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"


def run(tmp_path, path, text):
    target = tmp_path / path
    target.parent.mkdir(parents=True)
    target.write_text(text)
    done = subprocess.run([sys.executable, ROOT / "tools/check/check.py", "--root", tmp_path,
                           "--no-format"], capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.mark.parametrize("path, text, word", [
    ("firmware/queue/a.c", SPDX + '#include "drivers/mqtt/broker.h"\n', "include"),
    ("drivers/mqtt/a.c", SPDX + '#include "cloud-link/http/http.h"\n', "include"),
    ("firmware/event/a.c", SPDX + '#include "firmware/queue/queue.h"\n', "include"),
    ("firmware/queue/a.c", SPDX + "#include <lmdb.h>\n", "vendor"),
    ("drivers/modbus/a.c", SPDX + "#include <mosquitto.h>\n", "vendor"),
    ("firmware/base/a.c", SPDX + "void f(void)\n{\n    strcpy(a, b);\n}\n", "banned"),
    ("firmware/base/a.c", SPDX + "void f(void)\n{\n    goto out;\n}\n", "goto"),
    ("firmware/base/a.c", "int x;\n", "licence"),
    ("firmware/base/a.h", SPDX + "\nint gw_base_get(void);\n", "documented"),
    ("firmware/base/a.c", SPDX + "int f(void)\n{\n" + "    x();\n" * 120 + "}\n", "lines"),
    ("firmware/base/a.c", SPDX + "int f(int a, int b, int c, int d, int e, int g, int h)\n{\n}\n", "parameters"),
    ("firmware/base/a.c", SPDX + "int f(void)\n{\n if (a) {\n if (b) {\n if (c) {\n if (d) {\n x();\n }\n }\n }\n }\n}\n", None),
    ("firmware/base/a.c", SPDX + "int f(void)\n{\n if (a) {\n if (b) {\n if (c) {\n if (d) {\n if (e) {\n x();\n }\n }\n }\n }\n }\n}\n", "nesting"),
    ("tests/unit/base/a_test.c", SPDX + "void f(void)\n{\n    x = atoi(b);\n}\n", "banned"),
    ("tests/system/a.c", SPDX + "void f(void)\n{\n    goto out;\n}\n", "goto"),
    ("tests/unit/base/a_test.c", SPDX + "void f(void)\n{\n    srand(4);\n    x = rand();\n}\n", None),
    ("tests/unit/base/a_test.c", SPDX + "int f(void)\n{\n" + "    x();\n" * 98 + "}\n", "lines"),
    ("tests/unit/base/a_test.c", SPDX + "int f(void)\n{\n" + "    x();\n" * 97 + "}\n", None),
    ("tests/unit/base/a_test.c", SPDX + "int x;\n" * 800, "size"),
    ("tests/unit/base/a_test.c", SPDX + "int x;\n" * 798, None),
    ("tests/unit/base/a_rig.h", SPDX + "\nint rig_open(void);\n", "documented"),
    ("tests/system/test_a.py", PY + "def f():\n" + "    x()\n" * 100, "lines"),
    ("tests/system/test_a.py", PY + "def f():\n" + "    x()\n" * 99, None),
    ("tools/a.py", PY + "x = 1\n" * 800, "size"),
])
def test_each_rule_is_broken_once(tmp_path, path, text, word):
    code, output = run(tmp_path, path, text)
    if word is None:
        assert code == 0, output
    else:
        assert code == 1 and word in output, output


def test_a_documented_run_of_prototypes_passes(tmp_path):
    code, output = run(tmp_path, "firmware/base/a.h", SPDX + "\n/* Two of a kind. */\nint gw_a(void);\nint gw_b(void);\n")
    assert code == 0, output


def test_words_in_comments_and_strings_are_not_calls(tmp_path):
    code, output = run(tmp_path, "firmware/base/a.c", SPDX + '/* strcpy(a, b); goto x; */\nconst char *s = "system(1)";\n')
    assert code == 0, output
