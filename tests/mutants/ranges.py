"""Range, broken: forms that are not known, bytes beside the mark, refusals where none are due."""

from __future__ import annotations

import re

from tests.mutants.harness import Answer, Ask, after, instead

ROW = "OCI-R020"
ONE = re.compile(r"bytes=(\d*)-(\d*)")


def asked_for(ask: Ask) -> re.Match[str] | None:
    """The one range in bytes of a GET of a blob."""
    is_get = ask.method == "GET" and ask.kind == "blobs"
    return ONE.fullmatch(ask.header("Range")) if is_get else None


def outside(size: str = "*") -> Answer:
    return Answer(416, [("Content-Range", f"bytes */{size}"), ("Content-Length", "0")])


def whole(ask: Ask) -> Answer:
    """The answer to the same request without a Range."""
    return ask.proceed(HTTP_RANGE="")


def part(ask: Ask, first: int, last: int) -> Answer:
    """A part of a blob as it should be."""
    answer = whole(ask)
    data = answer.body[first : last + 1]
    answer.set("Content-Range", f"bytes {first}-{last}/{len(answer.body)}")
    answer.status = 206
    answer.write(data)
    return answer


@instead(ROW, "knows no range without an end")
def no_open_range(ask: Ask) -> Answer | None:
    match = asked_for(ask)
    return outside("1000") if match and match[1] and not match[2] else None


@instead(ROW, "knows no range from the end")
def no_suffix(ask: Ask) -> Answer | None:
    match = asked_for(ask)
    return outside("1000") if match and match[2] and not match[1] else None


@instead(ROW, "refuses a range that ends behind the end")
def no_clipping(ask: Ask) -> Answer | None:
    match = asked_for(ask)
    return outside("1000") if match and match[1] and 1000 <= int(match[2] or "0") < 10**9 else None


@instead(ROW, "refuses a range whose end is a large number")
def no_large_numbers(ask: Ask) -> Answer | None:
    match = asked_for(ask)
    return outside("1000") if match and int(match[2] or "0") >= 1 << 63 else None


@instead(ROW, "refuses a range of everything from the end")
def no_long_suffix(ask: Ask) -> Answer | None:
    match = asked_for(ask)
    return outside("1000") if match and not match[1] and int(match[2] or "0") >= 1000 else None


@after(ROW, "leaves out the last byte of a range", "GET blobs", 206)
def off_by_one(ask: Ask, answer: Answer) -> None:
    answer.write(answer.body[:-1])


@after(ROW, "says another range than it sends", "GET blobs", 206)
def other_range(ask: Ask, answer: Answer) -> None:
    answer.set("Content-Range", "bytes 5-9/1000")


@after(ROW, "does not say which range it sends", "GET blobs", 206)
def unsaid_range(ask: Ask, answer: Answer) -> None:
    answer.drop("Content-Range")


@after(ROW, "counts beyond the end in Content-Range", "GET blobs", 416)
def odd_refusal(ask: Ask, answer: Answer) -> None:
    answer.set("Content-Range", "bytes 1000-999/1000")


@after(ROW, "sends nothing, with 206, for a range beyond the end", "GET blobs", 416)
def nothing_206(ask: Ask, answer: Answer) -> None:
    answer.status = 206
    answer.set("Content-Range", "bytes 1000-999/1000")
    answer.write(b"")


@instead(ROW, "refuses several ranges")
def no_several(ask: Ask) -> Answer | None:
    return outside("1000") if ask.kind == "blobs" and "," in ask.header("Range") else None


@instead(ROW, "sends the wrong parts for several ranges")
def wrong_parts(ask: Ask) -> Answer | None:
    if ask.kind != "blobs" or "," not in ask.header("Range"):
        return None
    answer = whole(ask)
    pieces = [answer.body[0:10], answer.body[400:410]]
    body = (
        b"".join(b"--x\r\nContent-Range: bytes 0-9/1000\r\n\r\n" + piece + b"\r\n" for piece in pieces) + b"--x--\r\n"
    )
    answer.status = 206
    answer.write(body, "multipart/byteranges; boundary=x")
    return answer


@instead(ROW, "sends a part of one of several ranges")
def first_part(ask: Ask) -> Answer | None:
    is_several = ask.kind == "blobs" and "," in ask.header("Range")
    return part(ask, 0, 4) if is_several else None


@instead(ROW, "breaks down over many ranges")
def many_ranges(ask: Ask) -> Answer | None:
    return Answer(500) if ask.kind == "blobs" and ask.header("Range").count(",") > 10 else None


@instead(ROW, "takes malformed ranges for the first ten bytes")
def guessed(ask: Ask) -> Answer | None:
    is_form = re.fullmatch(r"bytes=\s*(\d*-\d*)(,\s*\d*-\d*)*", ask.header("Range"))
    is_bad = ask.kind == "blobs" and ask.header("Range") and not is_form
    return part(ask, 0, 9) if is_bad else None


@instead(ROW, "refuses units that it does not know")
def unknown_unit(ask: Ask) -> Answer | None:
    return outside() if ask.header("Range").startswith("items=") else None


@instead(ROW, "pays no heed to If-Range")
def no_if_range(ask: Ask) -> Answer | None:
    return ask.proceed(HTTP_IF_RANGE=f'"{ask.reference}"') if ask.header("If-Range") else None


@instead(ROW, "never finds that If-Range holds")
def if_range_never(ask: Ask) -> Answer | None:
    return whole(ask) if ask.header("If-Range") else None


@instead(ROW, "answers HEAD with a range, too")
def range_of_head(ask: Ask) -> Answer | None:
    return part(ask, 0, 9) if ask.method == "HEAD" and ask.header("Range") else None


@instead(ROW, "breaks down over a range of an empty blob")
def empty_blob(ask: Ask) -> Answer | None:
    answer = whole(ask) if ask.kind == "blobs" and ask.header("Range") else None
    return Answer(500) if answer and answer.header("Content-Length") == "0" else None


@instead("OCI-R102", "sends another part of a manifest than it says")
def part_of_manifest(ask: Ask) -> Answer | None:
    if ask.kind != "manifests" or not ask.header("Range"):
        return None
    answer = part(ask, 10, 19)
    answer.set("Content-Range", "bytes 11-20/100")
    return answer
