"""Tokens of every format: what is issued is verified, and nothing else is."""

from __future__ import annotations

import functools
import random
import string
import sys
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg.auth import scopes
from fakereg.auth.scopes import Access
from fakereg.auth.token_errors import TOKEN_LIMIT, TokenError
from fakereg.auth.tokens import FORMATS, LIFETIME_MINIMUM, Issued, Tokens
from fakereg.clock import ManualClock

SERVICE = "registry.example"
ALPHABET = string.ascii_letters + string.digits + "-_"
PULL = Access("repository", "team/app", frozenset({"pull"}))

_names = st.text(max_size=20).filter(lambda name: name.isprintable())
_access = st.builds(
    Access,
    st.sampled_from(["repository", "registry"]),
    st.text("abc/:", min_size=1, max_size=8),
    st.frozensets(st.sampled_from(["pull", "push", "delete", "*"])),
)
every_format = pytest.mark.parametrize("format", FORMATS)


@functools.cache
def standing_still(format: str) -> Tokens:
    """One issuer per format whose time stands still, since making a key takes a while."""
    return Tokens(clock=ManualClock(), format=format)


@functools.cache
def standing_token(format: str) -> str:
    """One token of that issuer: the next would be another, and perhaps of another length."""
    return issue(standing_still(format)).token


def issue(tokens: Tokens, *, service: str = SERVICE) -> Issued:
    return tokens.issue(subject="key-1", name="me", service=service, access=[PULL])


def refuse(tokens: Tokens, text: str, why: str | None = None, *, service: str = SERVICE) -> None:
    with pytest.raises(TokenError, match=why):
        tokens.verify(text, service=service)


@every_format
@given(st.data())
def test_what_is_issued_is_granted(format: str, data: st.DataObject) -> None:
    subject, name, service = data.draw(_names), data.draw(_names), data.draw(_names)
    access = data.draw(st.lists(_access, max_size=4))
    tokens = standing_still(format)
    grant = tokens.verify(
        tokens.issue(subject=subject, name=name, service=service, access=access).token, service=service
    )
    assert grant.access == tuple(scopes.merge(access))
    assert grant.external == (format != "opaque")
    assert grant.subject == (name if grant.external else subject)


@every_format
def test_a_token_lives_until_it_expires(format: str) -> None:
    clock = ManualClock()
    tokens = Tokens(clock=clock, format=format, lifetime=90)
    issued = issue(tokens)
    assert (issued.expires_in, issued.issued_at) == (90, "1970-01-12T13:46:40Z")
    clock.advance(89.999)
    assert tokens.verify(issued.token, service=SERVICE).access == (PULL,)
    clock.now = 1_000_090.0
    refuse(tokens, issued.token, "expired")


@every_format
def test_a_token_is_not_good_before_its_time(format: str) -> None:
    clock = ManualClock()
    tokens = Tokens(clock=clock, format=format)
    issued = issue(tokens)
    clock.advance(-0.001)
    refuse(tokens, issued.token, "not yet valid")


@given(st.floats(0, 4e9), st.floats(LIFETIME_MINIMUM, 1e6))
def test_a_token_lives_no_shorter_than_it_says(now: float, lifetime: float) -> None:
    clock = ManualClock(now)
    tokens = Tokens(clock=clock, lifetime=lifetime)
    issued = issue(tokens)
    clock.now = now + issued.expires_in - 0.001
    assert tokens.verify(issued.token, service=SERVICE)
    clock.now = now + lifetime + 1
    refuse(tokens, issued.token, "expired")


@every_format
def test_a_token_is_for_one_service(format: str) -> None:
    tokens = standing_still(format)
    refuse(tokens, issue(tokens).token, "audience", service="other.example")


@every_format
def test_tokens_of_another_issuer_are_foreign(format: str) -> None:
    foreign = Tokens(clock=ManualClock(), format=format)
    refuse(standing_still(format), issue(foreign).token, "foreign")


@every_format
def test_tokens_of_another_format_are_refused(format: str) -> None:
    for other in FORMATS:
        if other != format:
            refuse(standing_still(format), issue(standing_still(other)).token)


@every_format
@given(st.data())
def test_one_other_character_is_too_many(format: str, data: st.DataObject) -> None:
    tokens, token = standing_still(format), standing_token(format)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(ALPHABET + ".=+/ é\n\0").filter(lambda other: other != token[at]))
    refuse(tokens, token[:at] + other + token[at + 1 :])
    refuse(tokens, token[:at] + token[at + 1 :])
    refuse(tokens, token[:at] + other + token[at:])


@every_format
def test_the_last_bits_of_a_signature_have_one_spelling(format: str) -> None:
    tokens = standing_still(format)
    token = issue(tokens).token
    for other in set(ALPHABET) - {token[-1]}:
        refuse(tokens, token[:-1] + other)
    for padding in ("=", "==", "A", "!", "\n"):
        refuse(tokens, token + padding)


@every_format
def test_parts_of_two_tokens_make_none(format: str) -> None:
    tokens = standing_still(format)
    one, two = (issue(tokens, service=service).token.split(".") for service in (SERVICE, "other.example"))
    for at in range(len(one)):
        mixed = ".".join([*one[:at], two[at], *one[at + 1 :]])
        if mixed != ".".join(one):  # the header of a JWT is always the same
            refuse(tokens, mixed, "tampered")


_segments = st.one_of(st.text(ALPHABET + "."), st.text(), st.just("é\ud800"), st.just("."), st.just(""))


@every_format
@given(st.lists(_segments, max_size=5).map(".".join))
def test_no_text_raises_anything_else(format: str, text: str) -> None:
    tokens = standing_still(format)
    refuse(tokens, text)
    with pytest.raises(TokenError):
        tokens.redeem(text, service=SERVICE)


@every_format
def test_a_token_for_the_longest_scope_is_accepted(format: str) -> None:
    letters = random.Random(0)
    names = ("".join(letters.choices(string.ascii_lowercase, k=58)) for _ in range(scopes.ENTRY_LIMIT))
    access = scopes.parse(" ".join(f"repository:{name}:pull,push" for name in names))
    many = scopes.parse("repository:a:" + ",".join("".join(letters.choices("abcdef", k=4)) for _ in range(1600)))
    tokens = standing_still(format)
    for asked in (access, many):
        token = tokens.issue(subject="key-1", name="me", service=SERVICE, access=asked).token
        assert len(token) < TOKEN_LIMIT
        assert tokens.verify(token, service=SERVICE).access == tuple(asked)


@every_format
def test_longer_texts_are_not_even_decoded(format: str) -> None:
    refuse(standing_still(format), "a" * TOKEN_LIMIT, "tampered")
    refuse(standing_still(format), "a" * (TOKEN_LIMIT + 1), "longer")


@every_format
def test_a_refresh_token_gives_its_subject_for_ever(format: str) -> None:
    clock = ManualClock()
    tokens = Tokens(clock=clock, format=format)
    token = tokens.refresh_token(subject="key-1", service=SERVICE)
    clock.advance(1e9)
    assert tokens.redeem(token, service=SERVICE) == "key-1"
    with pytest.raises(TokenError, match="audience"):
        tokens.redeem(token, service="other.example")
    with pytest.raises(TokenError, match="foreign"):
        standing_still(format).redeem(token, service=SERVICE)


@every_format
def test_access_and_refresh_tokens_are_not_each_other(format: str) -> None:
    tokens = standing_still(format)
    refuse(tokens, tokens.refresh_token(subject="key-1", service=SERVICE), "tampered")
    with pytest.raises(TokenError, match="tampered"):
        tokens.redeem(issue(tokens).token, service=SERVICE)


@every_format
def test_no_error_and_no_repr_shows_a_token(format: str) -> None:
    tokens = standing_still(format)
    issued = issue(Tokens(clock=ManualClock(), format=format))
    with pytest.raises(TokenError) as refusal:
        tokens.verify(issued.token, service=SERVICE)
    shown = "".join(traceback.format_exception(refusal.value)) + repr(issued)
    assert not [part for part in issued.token.split(".") if part and part in shown]


def test_two_tokens_are_never_the_same() -> None:
    tokens = standing_still("opaque")
    assert issue(tokens).token != issue(tokens).token


@pytest.mark.parametrize("lifetime", [59.9, 0, -1, float("nan"), float("inf")])
def test_a_lifetime_is_what_older_clients_can_use(lifetime: float) -> None:
    with pytest.raises(ValueError, match="at least 60 seconds"):
        Tokens(clock=ManualClock(), lifetime=lifetime)


@pytest.mark.parametrize("format", ["", "HS256", "none", "es256"])
def test_other_formats_are_unknown(format: str) -> None:
    with pytest.raises(ValueError, match="opaque, ES256, RS256"):
        Tokens(clock=ManualClock(), format=format)


def test_opaque_tokens_have_no_key() -> None:
    assert standing_still("opaque").certificate is None
    with pytest.raises(ValueError, match="token_format must be ES256 or RS256"):
        Tokens(clock=ManualClock(), key="key.pem")


@pytest.mark.parametrize("missing", ["joserfc", "cryptography"])
def test_a_missing_package_is_told_with_the_way_out(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "fakereg.auth.jwt", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"pip install 'fakereg\[jwt\]'"):
        Tokens(clock=ManualClock(), format="ES256")
    assert issue(Tokens(clock=ManualClock())).token
