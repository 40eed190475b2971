"""What the largest register, and the longest map of one, may ask for: it is told before it is read."""

import io
import time
import zipfile

import openpyxl
import pytest

from services.registers import tables
from services.registers.tables import BadFile, sheets
from services.statute.data_file import MAX_PARTS, parse
from services.statute.errors import BadData


def book(**cells: str) -> bytes:
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    for place, text in cells.items():
        sheet[place] = text
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


def altered(content: bytes, change: dict[bytes, bytes], encoding: str = "utf-8") -> bytes:
    """A workbook whose sheet's XML is another."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            text = old.read(info)
            if info.filename.startswith("xl/worksheets/"):
                for before, after in change.items():
                    assert before in text
                    text = text.replace(before, after)
                text = text.decode().encode(encoding)
            new.writestr(info.filename, text)
    return written.getvalue()


ROW = b"<sheetData>"


def test_cells_far_from_one_another_are_refused_before_those_between_are_made() -> None:
    began = time.process_time()
    with pytest.raises(BadFile, match="100000000 cells; expected at most 2000000, or the register as CSV"):
        sheets("r.xlsx", book(A1="x", SF200000="y"))
    assert time.process_time() - began < 5
    assert sheets("r.xlsx", book(A1="x", T100000="y"))[0].rows[-1][0] == 100_000


@pytest.mark.parametrize("tag", [b"<c/>", b'<c r="A1"/>', b"<c>\n</c>", b"<c\n/>"])
def test_cells_are_counted_before_any_is_made(monkeypatch: pytest.MonkeyPatch, tag: bytes) -> None:
    monkeypatch.setattr(tables, "MAX_CELLS", 1000)
    monkeypatch.setattr(tables, "_PIECE", 7)
    content = altered(book(A1="x"), {ROW: ROW + b'<row r="9">' + tag * 999 + b"</row>"})
    monkeypatch.setattr(openpyxl, "load_workbook", lambda *_a, **_k: pytest.fail("it was read"))
    with pytest.raises(pytest.fail.Exception):
        sheets("r.xlsx", content)
    with pytest.raises(BadFile, match="1001 cells"):
        sheets("r.xlsx", altered(content, {b'<row r="9">': b'<row r="9">' + tag}))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_workbook_whose_cells_can_not_be_counted_is_none(encoding: str) -> None:
    with pytest.raises(BadFile, match="expected plain XML in UTF-8"):
        sheets("r.xlsx", altered(book(A1="x"), {}, encoding))


@pytest.mark.parametrize(
    "head", [b'<?xml version="1.0" encoding="UTF-7"?>', b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY c "<c/>">]>']
)
def test_a_workbook_that_says_its_cells_in_another_way_is_none(head: bytes) -> None:
    with pytest.raises(BadFile, match="expected plain XML in UTF-8"):
        sheets("r.xlsx", altered(book(A1="x"), {b"<worksheet": head + b"<worksheet"}))


@pytest.mark.parametrize(
    "text", ["a." * 50_000 + "a = 1", "[" + "a." * 50_000 + "a]", "x = {" + "a ." * 50_000 + "a = 1}"]
)
def test_a_key_of_many_parts_is_refused_at_once(text: str) -> None:
    began = time.process_time()
    with pytest.raises(BadData, match=f"at most {MAX_PARTS}"):
        parse("map.toml", text)
    assert time.process_time() - began < 2


def test_lists_deep_in_one_another_are_refused_and_dots_elsewhere_are_not() -> None:
    with pytest.raises(BadData, match="too deep"):
        parse("map.toml", "a = " + "[" * 5000)
    dots = "." * 200
    assert parse("map.toml", f'a = "{dots}"\nb = [\n"{dots}",\n]\n# {dots}\n[c]\nd = 1.5\n')["b"] == [dots]


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("customXml/item1.xml", "<DataMashup/>".encode("utf-16")),
        ("xl/media/image1.svg", b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-" "-"><svg/>'),
        ("xl/calcChain.xml", b"<calcChain>" + b'<c r="A1"/>' * 2000 + b"</calcChain>"),
    ],
)
def test_what_other_programs_keep_in_a_workbook_hinders_nothing(
    monkeypatch: pytest.MonkeyPatch, part: str, text: bytes
) -> None:
    monkeypatch.setattr(tables, "MAX_CELLS", 1000)
    written = io.BytesIO(book(A1="x", B2="y"))
    with zipfile.ZipFile(written, "a") as kept:
        kept.writestr(part, text)
    (sheet,) = sheets("r.xlsx", written.getvalue())
    assert [row[0] for _, row in sheet.rows] == ["x", None]


def test_no_sheet_hides_among_them() -> None:
    content, hidden = book(A1="x"), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(hidden, "w") as new:
        for info in old.infolist():
            name = info.filename.replace("xl/worksheets/sheet1.xml", "customXml/sheet1.xml")
            new.writestr(name, old.read(info).replace(b"/xl/worksheets/sheet1.xml", b"/customXml/sheet1.xml"))
    with pytest.raises(BadFile, match="can't be read as a workbook"):
        sheets("r.xlsx", hidden.getvalue())
