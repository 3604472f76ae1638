#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/check: the house rules as a program. Prints every breach as
`path:line: rule: what was found; what is allowed` and exits 1 if there is one.

    tools/check/check.py            the whole tree
    tools/check/check.py --root DIR another tree (the check's own tests)
    tools/check/check.py --no-format  leave clang-format out
"""
import argparse
import ast
import pathlib
import re
import subprocess
import sys

import rules

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SPDX = "SPDX-License-Identifier: Apache-2.0"
FUNCTION_HEAD = re.compile(r"^[A-Za-z_][\w\s\*\(\),\[\]\.:]*?\b([A-Za-z_]\w*)\s*\(")
NOT_CALLS = {"if", "for", "while", "switch", "return", "sizeof", "do", "else"}


def blank_comments_and_literals(text):
    """The same text with comments and string contents as spaces."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    return pattern.sub(blank, text)


def room_of(path):
    parts = path.split("/")
    return "/".join(parts[:2])


class Check:
    def __init__(self, root):
        self.root = root
        self.findings = []
        self.used_allowances = set()

    def report(self, path, line, rule, text):
        self.findings.append(f"{path}:{line}: {rule}: {text}")

    def files(self, *suffixes):
        if (self.root / ".git").exists():
            listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"],
                                    cwd=self.root, capture_output=True, text=True,
                                    check=True).stdout.split("\n")
        else:
            listed = [str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file()]
        return sorted(p for p in listed if p.endswith(suffixes) and (self.root / p).is_file())

    # ---- include directions -------------------------------------------------

    def include(self, path, line, kind, target):
        if target.endswith(".c"):
            self.report(path, line, "include", f"found {target}; source files are never included")
        for vendor, rooms in rules.VENDORS.items():
            if target.startswith(vendor) and kind == "<":
                if room_of(path) not in rooms and not path.startswith(rules.VENDOR_FREE):
                    self.report(path, line, "vendor",
                                f"found <{target}>; allowed only in {', '.join(rooms)}")
                return
        if kind == "<" or path.startswith(rules.FREE):
            return
        room = room_of(path)
        target_room = room_of(target)
        if room == target_room:
            return
        if room not in rules.MATRIX:
            self.report(path, line, "include", f"room {room} is not in the matrix")
        elif target_room not in rules.MATRIX[room]:
            allowed = ", ".join(rules.MATRIX[room]) or "nothing"
            self.report(path, line, "include", f"found {target}; {room} may include {allowed}")

    # ---- one source file ----------------------------------------------------

    def source(self, path):
        text = (self.root / path).read_text(errors="replace")
        if SPDX not in "\n".join(text.split("\n")[:3]):
            self.report(path, 1, "licence", f"no line '{SPDX}' at the top")
        for number, line in enumerate(text.split("\n"), 1):
            match = INCLUDE.match(line)
            if match:
                self.include(path, number, match.group(1), match.group(2))
        code = blank_comments_and_literals(text)
        if path.startswith(rules.BANNED_SCOPE):
            self.banned(path, code)
        if path.startswith(rules.SIZE_SCOPE):
            self.sizes(path, code)
        if path.endswith(".h") and path.startswith(rules.SIZE_SCOPE):
            self.documented(path, text, code)

    def banned(self, path, code):
        for number, line in enumerate(code.split("\n"), 1):
            if re.search(r"\bgoto\b", line):
                self.report(path, number, "goto", "found goto; release by GW_CLEANUP")
            for match in re.finditer(r"(?<![\w.>])([a-z]\w*)\s*\(", line):
                name = match.group(1)
                if name not in rules.BANNED or path in rules.BANNED[name][1]:
                    continue
                if not (path.startswith("tests/") and name in rules.BANNED_BUT_IN_TESTS):
                    self.report(path, number, "banned", f"found {name}; use {rules.BANNED[name][0]}")

    def allowed(self, path, function, what):
        key = (path, function, what)
        if key in rules.ALLOWED_SIZES:
            self.used_allowances.add(key)
            return True
        return False

    def sizes(self, path, code):
        lines = code.split("\n")
        if len(lines) > rules.MAX_FILE_LINES and not self.allowed(path, "", "lines"):
            self.report(path, 1, "size", f"{len(lines)} lines; at most {rules.MAX_FILE_LINES}")
        for name, start, end, parameters, nesting in functions(lines):
            for what, found, limit in (("lines", end - start + 1, rules.MAX_FUNCTION_LINES),
                                       ("parameters", parameters, rules.MAX_PARAMETERS),
                                       ("nesting", nesting, rules.MAX_NESTING)):
                if found > limit and not self.allowed(path, name, what):
                    self.report(path, start, "size", f"{name} has {found} {what}; at most {limit}")

    def python(self, path, text):
        """The same lengths as in C; a function counts with its decorators."""
        count = text.count("\n")
        if count > rules.MAX_FILE_LINES and not self.allowed(path, "", "lines"):
            self.report(path, 1, "size", f"{count} lines; at most {rules.MAX_FILE_LINES}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                start = min([node.lineno] + [d.lineno for d in node.decorator_list])
                found = node.end_lineno - start + 1
                if found > rules.MAX_FUNCTION_LINES and not self.allowed(path, node.name, "lines"):
                    self.report(path, start, "size", f"{node.name} has {found} lines; at most "
                                                     f"{rules.MAX_FUNCTION_LINES}")

    def documented(self, path, text, code):
        """Every prototype has a comment above it; a run of prototypes without a
        blank line between them shares the comment above the run."""
        lines, bare = text.split("\n"), code.split("\n")
        depth, in_run = 0, False
        statement_start = None
        for i, line in enumerate(bare):
            at_top = depth == 0
            depth += line.count("{") - line.count("}")
            if not line.strip():
                in_run = in_run and bool(lines[i].strip())
                if lines[i].strip():  # a comment line
                    in_run = True
                continue
            if not at_top or line.startswith("#"):
                in_run = False
                continue
            if statement_start is None:
                statement_start = i
            if line.rstrip().endswith((";", "{")):
                statement = " ".join(bare[statement_start:i + 1])
                prototype = (statement.rstrip().endswith(";") and "(" in statement
                             and not statement.lstrip().startswith(("struct gw_str {", "enum"))
                             and "_Static_assert" not in statement
                             and "=" not in statement.split("(")[0])
                if prototype and not in_run:
                    name = FUNCTION_HEAD.match(statement.strip())
                    self.report(path, statement_start + 1, "documented",
                                f"prototype {name.group(1) if name else '?'} has no comment above")
                statement_start = None
                in_run = in_run if prototype else False

    # ---- whole tree ---------------------------------------------------------

    def run(self, with_format):
        sources = self.files(".c", ".h")
        for path in sources:
            self.source(path)
        for path in self.files(".py", ".cmake", "CMakeLists.txt"):
            if (self.root / path).stat().st_size and SPDX not in "\n".join(
                    (self.root / path).read_text(errors="replace").split("\n")[:4]):
                self.report(path, 1, "licence", f"no line '{SPDX}' at the top")
        for path in self.files(".py"):
            if path.startswith(rules.SIZE_SCOPE):
                self.python(path, (self.root / path).read_text(errors="replace"))
        for key in rules.ALLOWED_SIZES:
            if key not in self.used_allowances and self.root == REPOSITORY:
                self.report("tools/check/rules.py", 1, "size", f"allowance {key} is not needed any more")
        if with_format and sources:
            self.format(sources)
        return self.findings

    def format(self, sources):
        done = subprocess.run(["clang-format", "--dry-run", "-Werror", *sources], cwd=self.root,
                              capture_output=True, text=True)
        bad = sorted({line.split(":")[0] for line in done.stderr.split("\n") if ": error:" in line})
        for path in bad:
            self.report(path, 1, "format", "differs from what clang-format writes")
        if done.returncode and not bad:
            self.report(".clang-format", 1, "format", done.stderr.strip().split("\n")[0])


def functions(lines):
    """(name, first line, last line, parameters, nesting) of each definition."""
    found, start, depth, head = [], None, 0, ""
    deepest = 0
    for i, line in enumerate(lines):
        if depth == 0:
            stripped = line.strip()
            if not stripped or line.startswith("#"):
                start, head = (None, "") if not stripped else (start, head)
                continue
            if start is None:
                start, head = i, ""
            head += " " + stripped
        opens, closes = line.count("{"), line.count("}")
        before = depth
        depth += opens - closes
        deepest = max(deepest, depth)
        if before == 0 and depth == 0 and line.rstrip().endswith(";"):
            start, head = None, ""
        elif before > 0 and depth == 0:
            signature = head.split("{")[0]
            match = FUNCTION_HEAD.match(signature.strip())
            if match and match.group(1) not in NOT_CALLS and "=" not in signature:
                inside = signature[signature.index("(") + 1:signature.rindex(")")]
                count = 0 if inside.strip() in ("", "void") else split_parameters(inside)
                found.append((match.group(1), start + 1, i + 1, count, deepest - 1))
            start, head, deepest = None, "", 0
    return found


def split_parameters(text):
    depth, count = 0, 1
    for c in text:
        depth += (c in "([") - (c in ")]")
        count += c == "," and depth == 0
    return count


REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=REPOSITORY)
    parser.add_argument("--no-format", action="store_true")
    options = parser.parse_args()
    findings = Check(options.root.resolve()).run(not options.no_format)
    print("\n".join(findings) if findings else "tools/check: no breach of the house rules")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
