"""Characters that no name and no ID may hold, because they break addresses and lines, or change the order of reading.

These are the C0 and C1 controls, the separators of lines and paragraphs, the controls of direction and the byte order
mark. The patterns mean the same to Python and to PostgreSQL.
"""

CONTROLS = r"[\u0001-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"  # PostgreSQL has no U+0000
BLANK = r"^[ \u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]*$"
