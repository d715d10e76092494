"""Ways to spoil a JSON document, by name, and whether it is still valid (RFC 8259)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Spoil = Callable[[bytes], bytes]


def _with(member: bytes) -> Spoil:
    """Add a member before all others; the document must have some."""
    return lambda document: b"{" + member + b"," + document.lstrip()[1:]


def _odd(value: bytes) -> Spoil:
    return _with(b'"org.example.odd":' + value)


def _written(**options: Any) -> Spoil:
    return lambda document: json.dumps(json.loads(document), **options).encode()


def _twice(document: bytes) -> bytes:
    """Repeat the first member at the end, with the same value."""
    name, value = next(iter(json.loads(document).items()))
    return document.rstrip()[:-1] + f",{json.dumps(name)}:{json.dumps(value)}}}".encode()


def _escaped_names(document: bytes) -> bytes:
    """Escape each letter of the members' names; letters beyond U+FFFF have no such form."""
    escaped = (
        ("".join(f"\\u{ord(letter):04x}" for letter in name), json.dumps(value))
        for name, value in json.loads(document).items()
    )
    return "{{{}}}".format(",".join(f'"{name}":{value}' for name, value in escaped)).encode()


_VALID: Mapping[str, Spoil] = {
    "indented": _written(indent=2),
    "compact": lambda document: json.dumps(json.loads(document), separators=(",", ":")).encode(),
    "sorted": _written(sort_keys=True),
    "spaces": lambda document: b" \r\n\t" + document + b"\t\r\n ",
    "escaped-slashes": lambda document: document.replace(b"/", b"\\/"),
    "escaped-names": _escaped_names,
    "unknown-member": _odd(b"null"),
    "empty-name": _with(b'"":{"":[]}'),
    "escaped-nul": _odd(rb'"\u0000"'),
    "astral": _odd('"\U0001f600\u2028"'.encode()),
    "surrogate-pair": _odd(rb'"\ud83d\ude00"'),
    "nested": _odd(b"[" * 100 + b"]" * 100),
    "long-string": _odd(b'"' + b"x" * 65_536 + b'"'),
    "long-list": _odd(b"[" + b"0," * 10_000 + b"0]"),
}
_UNCLEAR: Mapping[str, Spoil] = {
    "doubled": _twice,
    "doubled-other": _with(b'"schemaVersion":1'),
    "doubled-type": _with(b'"mediaType":"text/plain"'),
    "doubled-subject": _with(b'"subject":{},"subject":null'),
    "other-case": _with(b'"SchemaVersion":2,"MEDIATYPE":"text/plain"'),
    "bom": lambda document: b"\xef\xbb\xbf" + document,
    "half-surrogate": _odd(rb'"\ud83d"'),
    "deep": _odd(b"[" * 20_000 + b"]" * 20_000),
    "deep-objects": _odd(b'{"":' * 20_000 + b"0" + b"}" * 20_000),
    "huge-float": _odd(b"1e400"),
    "tiny-float": _odd(b"-1e-400"),
    "huge-integer": _odd(b"9" * 5_000),
}
_INVALID: Mapping[str, Spoil] = {
    "empty": lambda document: b"",
    "blank": lambda document: b" \n",
    "null": lambda document: b"null",
    "number": lambda document: b"1",
    "string": lambda document: b'"a"',
    "list": lambda document: b"[" + document + b"]",
    "in-string": lambda document: json.dumps(document.decode()).encode(),
    "truncated": lambda document: document.rstrip()[:-1],
    "half": lambda document: document[: len(document) // 2],
    "trailing-garbage": lambda document: document + b"x",
    "trailing-nul": lambda document: document + b"\0",
    "leading-nul": lambda document: b"\0" + document,
    "form-feed": lambda document: b"\f" + document,
    "twice": lambda document: document + document,
    "lines": lambda document: document + b"\n" + document,
    "trailing-comma": lambda document: document.rstrip()[:-1] + b",}",
    "leading-comma": lambda document: b"{," + document.lstrip()[1:],
    "comment": lambda document: b"/* a */" + document,
    "line-comment": lambda document: document + b"\n// a",
    "hash-comment": lambda document: b"# a\n" + document,
    "single-quotes": lambda document: document.replace(b'"', b"'"),
    "bare-name": _with(b"a:1"),
    "nan": _odd(b"NaN"),
    "infinity": _odd(b"Infinity"),
    "minus-infinity": _odd(b"-Infinity"),
    "undefined": _odd(b"undefined"),
    "other-true": _odd(b"True"),
    "hex-number": _odd(b"0x10"),
    "leading-zero": _odd(b"01"),
    "plus": _odd(b"+1"),
    "bare-point": _odd(b"1."),
    "raw-nul": _odd(b'"\0"'),
    "raw-newline": _odd(b'"\n"'),
    "bad-escape": _odd(rb'"\x41"'),
    "not-utf-8": _odd(b'"\xff\xfe"'),
    "overlong-utf-8": _odd(b'"\xc0\xaf"'),
    "surrogate-utf-8": _odd(b'"\xed\xa0\x80"'),
    "latin-1": _odd('"\u00e9"'.encode("latin-1")),
    "utf-16": lambda document: document.decode().encode("utf-16"),
    "utf-16-bare": lambda document: document.decode().encode("utf-16-le"),
    "utf-32": lambda document: document.decode().encode("utf-32"),
}

ODD_JSON: Mapping[str, Spoil] = {**_VALID, **_UNCLEAR, **_INVALID}
"""Ways to spoil the bytes of a JSON object that has members, by name (RFC 8259)."""

ODD_VALIDITY: Mapping[str, str] = {
    **dict.fromkeys(_VALID, "yes"),
    **dict.fromkeys(_UNCLEAR, "either"),
    **dict.fromkeys(_INVALID, "no"),
}
"""`yes`: still a JSON object of the same meaning, beside unknown members. `no`: no JSON object in UTF-8, as RFC 8259,
section 8.1, requires. `either`: RFC 8259 leaves it to the parser (sections 4, 6, 8 and 9).
"""
