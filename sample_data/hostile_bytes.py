"""Hostile bytes: other encodings, NUL, damaged and explosive gzip, other formats under a CSV's name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib

from sample_data.hostile_draw import LOADED, REJECTED, Build, Draw, Made, plain, text, with_value
from sample_data.sales_rows import COLUMNS

BYTE = r"byte \d+"
# Bytes that no UTF-8 text has: Latin-1 and Windows-1252 letters, overlong forms, surrogates, beyond U+10FFFF.
NOT_UTF8 = (
    b"M\xe9xico", b"\x93Japan\x94", b"Espa\xf1a", b"\xc0\x80", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80",
    b"\xff", b"\x80", b"\xc3(", b"\xe2\x82", b"\xf0\x9f\x98",
)  # fmt: skip
OTHER_FORMATS = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", b"PK\x03\x04\x14\x00\x06\x00\x08\x00", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    b"PAR1\x15\x04\x15", b"\x7fELF\x02\x01\x01\x00", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"Obj\x01\x04\x14avro",
    b"<!DOCTYPE html><html><body>403 Forbidden</body></html>", b'{"error": "no such report"}', b"SQLite format 3\x00",
)  # fmt: skip
BOMB_BYTES = 64 * 1024 * 1024


def other_encoding(draw: Draw) -> Made:
    """The whole file in UTF-16 or UTF-32, with and without its mark."""
    encoding = draw.pick(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"))
    return Made(body=plain(draw).decode().encode(encoding), fates=REJECTED, place=BYTE)


def bad_sequence(draw: Draw) -> Made:
    """One country that is not UTF-8."""
    changed, _ = with_value(draw, "Country", "@@")
    return Made(
        body=changed.encode().replace(b"@@", draw.pick(NOT_UTF8)), fates=REJECTED, place=BYTE
    )


def cut_character(draw: Draw) -> Made:
    """A file that ends in the middle of a character."""
    ending = draw.pick((b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"))
    return Made(body=plain(draw).rstrip(b"\n") + ending, fates=REJECTED, place=BYTE)


def nul(draw: Draw) -> Made:
    """A NUL byte anywhere."""
    body = plain(draw)
    at = draw.random.randrange(len(body))
    return Made(
        body=body[:at] + b"\0" * draw.pick((1, 2, 512)) + body[at:], fates=REJECTED, place=BYTE
    )


def other_format(draw: Draw) -> Made:
    """What is no CSV at all."""
    noise = draw.random.randbytes(400) if draw.turn % 2 else str(draw.number).encode()
    return Made(body=draw.pick(OTHER_FORMATS) + noise, fates=REJECTED)


def noise(draw: Draw) -> Made:
    """Random bytes."""
    return Made(body=draw.random.randbytes(draw.pick((1, 7, 4096, 100_000))), fates=REJECTED)


def byte_order_mark(draw: Draw) -> Made:
    """One mark is fine; more of them, or one in a value, is only odd."""
    mark = "\ufeff".encode()
    if draw.turn % 3 == 2:
        return Made(body=with_value(draw, "Country", "\ufeffJapan")[0].encode())
    return Made(
        body=mark * draw.pick((1, 2)) + plain(draw),
        fates=LOADED | (REJECTED if draw.turn % 2 else LOADED),
    )


def sound_gzip(draw: Draw) -> Made:
    """Gzip as a file, in several members, and with a name in its header."""
    body, name = plain(draw), f"z{draw.number:05d}.csv.gz"
    variants = (
        gzip.compress(body, mtime=0),
        gzip.compress(body[:700], mtime=0) + gzip.compress(body[700:], mtime=0),
        gzip.compress(body, mtime=0) + gzip.compress(b"", mtime=0),
        gzip.compress(body, compresslevel=0, mtime=0),
    )
    return Made(body=draw.pick(variants), file_name=name)


def damaged_gzip(draw: Draw) -> Made:
    """Truncated, corrupted, followed by garbage, or not gzip at all."""
    body = gzip.compress(plain(draw), mtime=draw.number)
    at = draw.random.randrange(20, len(body) - 20)
    variants = (
        body[:at], body[:-1], body[:-8], body[:10], body[:12], body[:at] + bytes([body[at] ^ 0xFF]) + body[at + 1 :],
        body[:-4] + b"\x01\x02\x03\x04", body + b"trailing garbage", body + b"\0" * 64, plain(draw),
        zlib.compress(plain(draw)), bz2.compress(plain(draw)), lzma.compress(plain(draw)), b"\x28\xb5\x2f\xfd" + body,
    )  # fmt: skip
    return Made(
        body=draw.pick(variants),
        fates=REJECTED,
        place=r"gzip|byte|line",
        file_name=f"d{draw.number:05d}.csv.gz",
    )


def gzip_under_a_plain_name(draw: Draw) -> Made:
    """Compressed, but called .csv."""
    return Made(body=gzip.compress(plain(draw), mtime=0), fates=REJECTED, place=BYTE)


def gzip_bomb(draw: Draw) -> Made:
    """Small on the wire, large in memory: blanks, NUL, one line, or one value without an end."""
    filling = draw.pick((b"\0", b" ", b"a", b'"', b"a,", b'"a\n'))
    content = text([]).encode() + filling * (BOMB_BYTES // len(filling)) + str(draw.number).encode()
    return Made(body=gzip.compress(content, 6, mtime=0), fates=REJECTED, place=r"byte|line|decompressed",
                file_name=f"b{draw.number:05d}.csv.gz")  # fmt: skip


def empty(draw: Draw) -> Made:
    """Nothing, or nothing but a mark, blank lines or an empty gzip; the number of blanks makes each its own."""
    blanks = b" " * (draw.number % 997) + b"\n" * (1 + draw.number // 997)
    if draw.turn == 0:
        return Made(body=b"", fates=REJECTED, place="0 bytes")
    if draw.turn % 3 == 1:
        return Made(body=gzip.compress(blanks, mtime=0), fates=REJECTED, place="blank|0 bytes",
                    file_name=f"e{draw.number:05d}.csv.gz")  # fmt: skip
    return Made(
        body=(b"\xef\xbb\xbf" if draw.turn % 2 else b"") + blanks,
        fates=REJECTED,
        place="blank|0 bytes|header",
    )


def control_characters(draw: Draw) -> Made:
    """Characters that no one sees, in a text: kept as they are."""
    value = draw.pick(
        (
            "\x01",
            "\x07",
            "\x0b",
            "\x0c",
            "\x1b[31m",
            "\x7f",
            "\x85",
            "\u2028",
            "\u2029",
            "\u200b",
            "\u202e",
        )
    )
    return Made(body=with_value(draw, "Country", f"Ja{value}pan")[0].encode())


def end_of_file_mark(draw: Draw) -> Made:
    """The control-Z of old systems after the last record, alone on its line."""
    return Made(body=plain(draw) + draw.pick((b"\x1a", b"\x1a\r\n")))


def header_in_another_encoding(draw: Draw) -> Made:
    """A header with a letter of Latin-1."""
    header = ",".join(COLUMNS).replace("Region", "R\xe9gion").encode("latin-1")
    return Made(body=header + b"\n" + str(draw.number).encode(), fates=REJECTED, place=BYTE)


BYTE_KINDS: dict[str, Build] = {
    build.__name__: build
    for build in (
        other_encoding, bad_sequence, cut_character, nul, other_format, noise, byte_order_mark, sound_gzip,
        damaged_gzip, gzip_under_a_plain_name, gzip_bomb, empty, control_characters, end_of_file_mark,
        header_in_another_encoding,
    )
}  # fmt: skip
