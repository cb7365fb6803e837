"""Photos of technicians: kept small, upright, under a random name, and without what a camera writes into them."""

import re
from io import BytesIO

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from maintenance import photos
from maintenance.fault_meanings import MEANING_OF_ERROR_CODE, MEANING_OF_VENDOR_CODE, SILENT, UNKNOWN, WORKS, meaning
from maintenance.models.checklists import photo_path
from telemetry.risk.taxonomy import CAUSE_OF_ERROR_CODE, CAUSE_OF_VENDOR_CODE

SCRIPT = b"<script>alert(1)</script>"


def image(width=64, height=48, form="JPEG", **options) -> SimpleUploadedFile:
    drawn = BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(drawn, form, **options)
    return SimpleUploadedFile(f"../../etc/{form}.php", drawn.getvalue())


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_drawn_anew_as_jpeg_and_kept_under_a_name_that_nobody_can_guess(form):
    kept = photos.checked(image(form=form))
    assert Image.open(kept).format == "JPEG"
    names = {photo_path(None, kept.name) for _ in range(2)}
    assert len(names) == 2
    assert all(re.fullmatch(r"photos/[0-9a-f]{32}\.jpg", name) for name in names)


def test_what_the_camera_and_others_wrote_into_it_is_left_behind():
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "on its side, at 47.6 N"
    upload = image(exif=exif, comment=b"a note of the camera")
    upload.file.seek(0, 2)
    upload.file.write(SCRIPT)
    kept = photos.checked(upload)
    assert Image.open(kept).size == (48, 64), "turned upright"
    assert not Image.open(kept).getexif()
    kept.seek(0)
    raw = kept.read()
    assert SCRIPT not in raw
    assert b"47.6" not in raw
    assert b"a note" not in raw


def test_a_large_photo_is_made_smaller():
    kept = photos.checked(image(4000, 3000))
    assert Image.open(kept).size == (2000, 1500)


@pytest.mark.parametrize(
    ("upload", "words"),
    [
        (SimpleUploadedFile("a.jpg", b""), "empty"),
        (SimpleUploadedFile("a.jpg", SCRIPT), "not a photo"),
        (SimpleUploadedFile("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "not a photo"),
        (SimpleUploadedFile("a.jpg", b"\xff\xd8\xff\xe0" + bytes(50)), "not a photo"),
        (SimpleUploadedFile("a.jpg", bytes(photos.MOST_BYTES + 1)), "8 MB"),
        (image(form="GIF"), "not a photo"),
        (image(10_000, 6_000, "PNG"), "25 million"),
    ],
)
def test_what_is_no_photo_is_refused_in_words(upload, words):
    with pytest.raises(ValidationError) as refused:
        photos.checked(upload)
    assert words in str(refused.value)


def test_a_photo_that_ends_in_the_middle_is_refused():
    whole = image(2000, 1500).read()
    with pytest.raises(ValidationError, match="not a photo"):
        photos.checked(SimpleUploadedFile("a.jpg", whole[: len(whole) // 2]))


def test_every_code_that_speaks_for_a_cause_has_a_meaning_in_plain_words():
    assert set(CAUSE_OF_ERROR_CODE) <= set(MEANING_OF_ERROR_CODE)
    assert set(CAUSE_OF_VENDOR_CODE) <= set(MEANING_OF_VENDOR_CODE)


def test_a_report_is_told_in_plain_words():
    assert meaning("AVAILABLE", "OtherError") == WORKS
    assert meaning("FAULTED", "HighTemperature", "CX003") == MEANING_OF_VENDOR_CODE["CX003"]
    assert meaning("FAULTED", "GroundFailure", "<b>") == MEANING_OF_ERROR_CODE["GroundFailure"]
    assert meaning("OFFLINE", "NoError") == SILENT
    assert "not why" in meaning("FAULTED")
    assert meaning("FAULTED", "<script>") == UNKNOWN
