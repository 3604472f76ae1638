# SPDX-License-Identifier: Apache-2.0
"""Real symbols: zint draws them, zxing-cpp reads them, `gwctl gs1 parse` says what they
mean. What goes in is what a person writes, "(01)...(10)..."; what comes out must say the
same, by way of a bar code, a reader's AIM identifier and its group separators."""
import json
import random
import re
import subprocess

import pytest
from gangway_rig import build_folder

LINK = "https://example.com/stem/01/09521234543213/10/A%2FB?17=261231"


def draw(path, symbology, data, *options):
    """A picture of the symbol, with the empty space around it that readers need."""
    subprocess.run(["zint", "-b", symbology, "-d", data, "--quietzones", "--scale=4",
                    "-o", str(path), *options], check=True, capture_output=True)


def read(path):
    """What a reader would send: AIM identifier and data, the last symbol in the picture."""
    shown = subprocess.run(["ZXingReader", str(path)], capture_output=True, text=True).stdout
    found = re.findall(r"^Bytes: +((?:[0-9A-F]{2} ?)+)$.*?^Identifier: (\S+)$", shown,
                       re.MULTILINE | re.DOTALL)
    assert found, f"the reader found nothing: {shown}"
    data, aim = found[-1]
    return aim, bytes.fromhex(data).decode()


def as_sent(aim, text):
    """zxing-cpp 1.4 shows the content of GS1 DataBar instead of sending it: with brackets
    (Expanded), or a GTIN without its (01). What the standard has a reader send:"""
    if aim != "]e0":
        return text
    if text.startswith("("):
        elements = re.findall(r"\((\d+)\)([^(]*)", text)
        return "\x1d".join(ai + value for ai, value in elements)
    return text if len(text) > 14 else "01" + text


def parse(scans, *options):
    done = subprocess.run([build_folder() / "bin/gwctl", "gs1", "parse", *options],
                          input="".join(json.dumps(scan) + "\n" for scan in scans),
                          capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def zint_text(elements):
    """zint wants square brackets."""
    return re.sub(r"\((\d+)\)", r"[\1]", elements)


def scan(folder, symbology, data, *options):
    path = folder / "symbol.png"
    draw(path, symbology, data, *options)
    aim, text = read(path)
    return aim, aim + as_sent(aim, text)


@pytest.mark.parametrize("symbology,options,aim,carrier", [
    ("GS1_128", [], "]C1", "GS1-128"),
    ("DATAMATRIX", ["--gs1"], "]d2", "GS1 DataMatrix"),
    ("QRCODE", ["--gs1"], "]Q3", "GS1 QR Code"),
    ("DBAR_EXP", [], "]e0", "GS1 DataBar or GS1 Composite"),
    ("AZTEC", ["--gs1"], "]z1", "Aztec Code with FNC1 first"),
])
def test_elements_survive_the_symbol(tmp_path, symbology, options, aim, carrier):
    elements = "(01)09521234543213(10)ABC123(21)S-4.5/6"
    found, text = scan(tmp_path, symbology, zint_text(elements), *options)
    answer, = parse([text])
    assert found == aim
    assert answer["ok"], answer
    assert answer["elements"] == elements
    assert answer["carrier"] == carrier
    assert answer["digital_link"] \
        == "https://id.gs1.org/01/09521234543213/10/ABC123/21/S-4.5%2F6"


@pytest.mark.parametrize("symbology,data,aim,gtin", [
    ("EANX", "9521234543213", "]E0", "09521234543213"),
    ("EANX", "4012345", "]E4", "00000040123455"),
    ("UPCA", "03600029145", "]E0", "00036000291452"),
    ("UPCE", "0123451", "]E0", "00012100003454"),
    ("C25INTER", "19521234543210", "]I1", "19521234543210"),
    ("ITF14", "1952123454321", "]I1", "19521234543210"),
    ("DBAR_OMN", "0952123454321", "]e0", "09521234543213"),
])
def test_bare_gtins_become_one(tmp_path, symbology, data, aim, gtin):
    options = ["--scale=3", "--nobackground"] if symbology == "ITF14" else []
    found, text = scan(tmp_path, symbology, data, *options)
    answer, = parse([text])
    assert found == aim
    assert answer["ok"], answer
    assert answer["elements"] == f"(01){gtin}"
    assert answer["digital_link"] == f"https://id.gs1.org/01/{gtin}"


@pytest.mark.parametrize("symbology", ["QRCODE", "DATAMATRIX"])
def test_a_digital_link_is_found_in_a_plain_symbol(tmp_path, symbology):
    aim, text = scan(tmp_path, symbology, LINK)
    answer, = parse([text])
    assert aim in ("]Q1", "]d1")
    assert answer["ok"], answer
    assert answer["kind"] == "digital_link"
    assert answer["elements"] == "(01)09521234543213(10)A/B(17)261231"
    assert answer["digital_link"] == "https://id.gs1.org/01/09521234543213/10/A%2FB?17=261231"


@pytest.mark.parametrize("symbology,data,urn", [
    ("CODE128", "HELLO 1", "urn:gangway:scan:code128:HELLO%201"),
    ("CODE39", "AB-12", "urn:gangway:scan:code39:AB-12"),
    ("QRCODE", "https://example.com/a?b=1",
     "urn:gangway:scan:qrcode:https%3A%2F%2Fexample.com%2Fa%3Fb%3D1"),
    ("PDF417", "badge 7", "urn:gangway:scan:pdf417:badge%207"),
    ("C25INTER", "123456", "urn:gangway:scan:itf:123456"),
])
def test_an_ordinary_code_is_no_gs1_and_has_a_urn(tmp_path, symbology, data, urn):
    _, text = scan(tmp_path, symbology, data)
    answer, = parse([text])
    assert not answer["ok"]
    assert answer["why"] == "not_gs1"
    assert answer["urn"] == urn
    assert answer["digital_link"] is None


def test_a_symbol_with_a_lost_separator_is_told_from_a_whole_one(tmp_path):
    """The pallet label: what a reader sends that swallows the group separator."""
    elements = "(02)09521234543213(37)12(00)106141411234567897"
    aim, text = scan(tmp_path, "GS1_128", zint_text(elements))
    assert "\x1d" in text
    whole, lost = parse([text, text.replace("\x1d", "")])
    assert whole["ok"], whole
    assert whole["elements"] == elements
    assert not lost["ok"]
    assert lost["why"] == "separator_missing"
    assert lost["why_ai"] == "37"
    assert lost["elements"] == "(02)09521234543213"
    assert aim == "]C1"


def check_digit(digits):
    total = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def random_label(rng):
    """Elements as they stand on trade items, values from all their characters."""
    text = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!\"%&'*+,-./:;<=>?_"
    elements = [("01", check_digit("0" + str(rng.randrange(10**11, 10**12))))]
    optional = [("10", 20), ("21", 20), ("240", 30), ("17", 6), ("3103", 6)]
    for ai, longest in rng.sample(optional, rng.randrange(1, 5)):
        if ai == "17":
            value = f"{rng.randrange(24, 40)}{rng.randrange(1, 13):02}{rng.randrange(0, 29):02}"
        elif ai == "3103":
            value = f"{rng.randrange(10**6):06}"
        else:
            value = "".join(rng.choice(text) for _ in range(rng.randrange(1, longest // 2)))
        elements.append((ai, value))
    return "".join(f"({ai}){value}" for ai, value in elements)


def test_labels_drawn_at_random_come_back_whole(tmp_path):
    rng = random.Random(20261123)
    labels = [random_label(rng) for _ in range(24)]
    scans = []
    for i, label in enumerate(labels):
        symbology, *options = (["DATAMATRIX", "--gs1"], ["QRCODE", "--gs1"])[i % 2]
        scans.append(scan(tmp_path, symbology, zint_text(label), *options)[1])
    answers = parse(scans)
    assert [answer["elements"] for answer in answers] == labels
    assert all(answer["ok"] for answer in answers), answers
    # By way of the canonical link and back.
    links = parse([f"]Q1{answer['digital_link']}" for answer in answers])
    assert [link["digital_link"] for link in links] \
        == [answer["digital_link"] for answer in answers]
    assert all(link["ok"] for link in links)


def test_the_verbs_need_no_gateway_and_no_configuration(tmp_path):
    nowhere = str(tmp_path / "none.json")
    listed = subprocess.run([build_folder() / "bin/gwctl", "--config", nowhere, "gs1", "ai",
                             "--json"], capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    assert len(rows) == len({row["ai"] for row in rows}) == 541
    table = subprocess.run([build_folder() / "bin/gwctl", "gs1", "ai"], capture_output=True,
                           text=True, check=True).stdout.splitlines()
    assert table[0] == "GS1 General Specifications Release 26.0: 541 application identifiers"
    assert [line.split()[0] for line in table[3:]] == [row["ai"] for row in rows]
    starts = {line.index("SEPARATOR") for line in table[2:3]}
    assert all(line[start] in "yn" for line in table[3:] for start in starts)


def test_what_is_no_json_string_is_said_line_by_line():
    done = subprocess.run([build_folder() / "bin/gwctl", "gs1", "parse"],
                          input='"]C100106141411234567897"\n17\n\n]C1\n"\\ud800"\n'
                                '"]C100106141411234567898"\n',
                          capture_output=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [answer["ok"] for answer in answers] == [True, False, False, False, False, False]
    assert [answer["why"] for answer in answers] \
        == [None, "not_json", "not_json", "not_json", "not_json", "check_digit"]


def test_a_line_beyond_all_symbols_is_refused_and_the_next_one_read():
    longest, longer, after = parse(["]C1" + "9" * 8189, "]C1" + "9" * 9000,
                                    "]C100106141411234567897"])
    assert longest["why"] == "separator_missing"
    assert longer["why"] == "too_long"
    assert after["ok"]


def test_a_scan_without_identifier_is_what_the_caller_says_it_is():
    text = "0109521234543213\x1d10A"
    assert parse([text])[0]["why"] == "not_gs1"
    answer, = parse([text], "--aim", "]C1")
    assert answer["ok"] and answer["notes"] == ["needless_separator", "assumed"]
    assert parse(["10A"], "--aim", "]C1")[0]["why"] == "association_missing"
    assert parse(["10A"], "--aim", "]C1", "--across")[0]["notes"] == ["assumed", "incomplete"]
