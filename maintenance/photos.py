"""What a photo must be before it is kept: small, really an image, and without what a camera writes into it."""

from io import BytesIO

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from PIL import Image, ImageOps, UnidentifiedImageError

MOST_BYTES = 8 * 1024**2
MOST_PIXELS = 25_000_000  # unpacked that is 75 MB; the page sends what phones take at 4 megapixels
FORMATS = ("JPEG", "PNG", "WEBP")
KEPT_EDGE = 2000  # pixels of the longer side that are kept
QUALITY = 82


def checked(upload) -> ContentFile:
    """The photo in `upload` (a Django file), turned upright and drawn anew as JPEG.

    Drawn anew because that leaves behind whatever else the file carried: places, names, scripts. Raises ValidationError
    with what to do where it is empty, over 8 MB or 25 megapixels, or not a JPEG, PNG or WebP image.
    """
    if not upload.size:
        raise ValidationError("The photo is empty: take it again.")
    if upload.size > MOST_BYTES:
        raise ValidationError(f"The photo has {upload.size / 1e6:.0f} MB; 8 MB are taken: make it smaller.")
    try:
        image = Image.open(upload, formats=FORMATS)
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise ValidationError(f"The photo has {width} × {height} pixels; 25 million are taken: make it smaller.")
        image.draft("RGB", (KEPT_EDGE, KEPT_EDGE))  # a JPEG is unpacked at the size that is needed
        image.thumbnail((KEPT_EDGE, KEPT_EDGE))
        image = ImageOps.exif_transpose(image).convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise ValidationError("This is not a photo that can be read: send a JPEG, PNG or WebP image.") from error
    image.info.clear()  # because comments would be written back
    drawn = BytesIO()
    image.save(drawn, "JPEG", quality=QUALITY, optimize=True)
    return ContentFile(drawn.getvalue(), name="photo.jpg")
