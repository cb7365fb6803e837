"""Files that cannot be imported at all: one clear sentence each, exit 1, nothing loaded."""

import gzip
import zlib

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from stations.models import Operator, Site
from telemetry.importers import source
from telemetry.importers.report import ImportRefused
from telemetry.importers.source import Source, check_header
from telemetry.models import Reading
from telemetry.simulation.history_file import write_history
from telemetry.simulation.network import network


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> bytes:
    """A file of 96 good rows."""
    path = tmp_path_factory.mktemp("files") / "good.csv"
    write_history(path, network(2, 1), np.datetime64("2025-07-01"), 48, 1, lambda *_: None)
    return path.read_bytes()


def without_column(text: bytes, name: bytes) -> bytes:
    return text.replace(b"," + name, b"", 1)


BROKEN = {
    "empty": (lambda good: b"", "is empty"),
    "blank": (lambda good: b" \n\n", "is empty"),
    "only a header": (lambda good: good.split(b"\n")[0] + b"\n", "has no rows to load"),
    "missing column": (lambda good: without_column(good, b"temperature_f"), "lacks the column temperature_f"),
    "missing columns": (
        lambda good: b"a,b\n1,2\n",
        "lacks the columns station_id, station_name, network, city, state …",
    ),
    "wrong column": (lambda good: good.replace(b"is_peak_hour", b"is_peak_hour,colour", 1), "names the column colour"),
    "column twice": (
        lambda good: good.replace(b"is_peak_hour", b"is_peak_hour,month", 1),
        "names the column month twice",
    ),
    "semicolons": (lambda good: good.replace(b",", b";"), "not separated by commas"),
    "utf-16": (lambda good: good.decode().encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
    "utf-16 without a mark": (lambda good: good.decode().encode("utf-16-le"), "is not UTF-8 text"),
    "latin-1": (
        lambda good: good.replace(b"Boston", "Bostön".encode("latin-1")),
        "is not UTF-8 text (byte 0xf6 in line",
    ),
    "cut off in a row": (lambda good: good[:-100], "The file is cut off: its last line (97)"),
    "cut off in quotes": (lambda good: good[: good.rindex(b'"') - 3], "in line 97 is never closed"),
    "cut off gzip": (lambda good: gzip.compress(good)[:-20], "is cut off: the compressed data ends too early"),
    "damaged gzip": (lambda good: gzip.compress(good)[:300] + bytes(100) + gzip.compress(good)[400:], "is damaged"),
    "gzip with a wrong sum": (lambda good: gzip.compress(good)[:-8] + bytes(8), "is damaged"),
    "CR alone": (lambda good: good.replace(b"\n", b"\r"), "ends its lines with CR alone; save it with LF or CRLF."),
    "CR alone, long": (lambda good: b"a,b\r" * 500_000, "ends its lines with CR alone"),
    "no line ends": (lambda good: b"a," * 1_000_000, "Line 1 is longer than 1 MB"),
    "zeros in gzip": (lambda good: gzip.compress(bytes(50_000_000)), "is not UTF-8 text"),
    "one endless line": (lambda good: good + b"x" * 3_000_000, "is longer than 1 MB"),
    "one endless quote": (lambda good: good + b'"' + b"x\n" * 2_000_000, "quotation marks do not pair"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", BROKEN)
def test_an_unusable_file_is_refused_in_one_sentence_and_leaves_nothing(tmp_path, good, kind):
    make, sentence = BROKEN[kind]
    path = tmp_path / "broken.csv"
    path.write_bytes(make(good))
    with pytest.raises(CommandError) as refusal:
        call_command("import_readings", str(path))
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert str(tmp_path) not in str(refusal.value)
    assert not (Operator.objects.exists())
    assert not (Site.objects.exists())
    assert not (Reading.objects.exists())
    assert [file.name for file in tmp_path.iterdir()] == ["broken.csv"]


@pytest.mark.django_db
def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CommandError, match=r"nothing\.csv cannot be read: No such file or directory"):
        call_command("import_readings", str(tmp_path / "nothing.csv"))


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ImportRefused, match="cannot be read"):
        Source(tmp_path)


@pytest.mark.django_db
def test_an_unknown_time_zone_is_refused(tmp_path, good):
    path = tmp_path / "good.csv"
    path.write_bytes(good)
    for zone in ("Mars/Olympus", "../../etc/passwd", ""):
        with pytest.raises(CommandError, match="There is no time zone"):
            call_command("import_readings", str(path), time_zone=zone)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "variant",
    [
        lambda good: b"\xef\xbb\xbf" + good,
        lambda good: good.replace(b"\n", b"\r\n"),
        lambda good: good.rstrip(b"\n"),
        lambda good: good + b"\n\n",
        lambda good: gzip.compress(good),
        lambda good: gzip.compress(good[:1000]) + gzip.compress(good[1000:]),
        lambda good: good.replace(b"Boston", "Bostön 🔌".encode()),
        lambda good: good.replace(b"station_id", b'"station_id"', 1),
    ],
    ids=["mark", "crlf", "no last line end", "blank lines", "gzip", "gzip in parts", "unicode", "quoted header"],
)
def test_harmless_variants_are_imported(tmp_path, good, variant):
    path = tmp_path / "variant.csv"
    path.write_bytes(variant(good))
    call_command("import_readings", str(path), verbosity=0)
    assert Reading.objects.count() == 96


def test_columns_may_stand_in_any_order():
    check_header(["b", "a"], ("a", "b"))


@pytest.mark.parametrize("size", [7, 64, 1000])
def test_blocks_hold_whole_records_and_know_their_lines(tmp_path, monkeypatch, size):
    monkeypatch.setattr(source, "BLOCK_BYTES", size)
    body = b'1,plain\n2,"two\nlines"\n3,"a ""quoted"" cell"\n4,last'
    (tmp_path / "file.csv").write_bytes(b"n,text\n" + body)
    with Source(tmp_path / "file.csv") as file:
        file._rest, file._stream = b"", file._raw
        file._raw.seek(len(b"n,text\n"))
        blocks = list(file.blocks())
    assert b"".join(block.text for block in blocks) == body
    assert [block.is_cut for block in blocks] == [False] * (len(blocks) - 1) + [True]
    for block in blocks:
        assert block.text.count(b'"') % 2 == 0
        assert block.first_line == 2 + body[: body.index(block.text)].count(b"\n")


def test_text_that_grows_beyond_2_gb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "LARGEST_TEXT", 3_000_000)
    (tmp_path / "bomb.csv.gz").write_bytes(zlib.compress(b"a\n" + b"1\n" * 5_000_000, wbits=31))
    with Source(tmp_path / "bomb.csv.gz") as file, pytest.raises(ImportRefused, match="more than 2 GB of text"):
        list(file.blocks())


def test_a_refused_file_is_closed(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_bytes(b"")
    with pytest.raises(ImportRefused) as refusal:
        Source(path)
    (source,) = {id(one): one for frame in refusal.traceback if (one := frame.frame.f_locals.get("self"))}.values()
    assert source._raw.closed


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["bad.csv", "link.csv"])
def test_rejects_are_not_written_over_the_file_itself(tmp_path, good, name):
    path, text = tmp_path / "bad.csv", good + b"x\n"
    path.write_bytes(text)
    (tmp_path / "link.csv").symlink_to(path)
    with pytest.raises(CommandError, match=rf"^The rejects file {name} is the file to import; name another with"):
        call_command("import_readings", str(path), rejects=tmp_path / name)
    assert path.read_bytes() == text


@pytest.mark.django_db
def test_a_file_that_turns_out_to_be_cut_off_leaves_no_half_rejects(tmp_path, good):
    path = tmp_path / "cut.csv"
    lines = good.splitlines(keepends=True)
    path.write_bytes(lines[0] + b"x\n" + b"".join(lines[1:]) + b'"')
    with pytest.raises(CommandError, match="is never closed"):
        call_command("import_readings", str(path), skip_bad=True)
    assert [file.name for file in tmp_path.iterdir()] == ["cut.csv"]
