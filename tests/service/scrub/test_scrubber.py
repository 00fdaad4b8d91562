import itertools
import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logweir import redact
from logweir_service.rules.model import SCRUB_PATTERNS
from logweir_service.scrub import Scrubber, cards
from logweir_service.scrub.cards import is_card
from logweir_service.scrub.patterns import MASKS

from .corpus import HARMLESS, NOT_OF_RULES, OF_RULES, RULES, SECRETS, event

PLAIN, RULED = Scrubber(), Scrubber(**RULES)

pytestmark = pytest.mark.fault(51)


def lines_of(scrubber, lines, *, scrubbed):
    scrubbing = scrubber.lines(lines, scrubbed=scrubbed)
    try:
        while True:
            next(scrubbing)
    except StopIteration as end:
        return end.value


@pytest.mark.parametrize("case", SECRETS.values(), ids=SECRETS)
def test_secret_is_redacted_and_the_line_stays_an_event(case):
    scrubbed = PLAIN.line(case.line)
    assert case.secret in case.line
    assert case.secret not in scrubbed
    assert b"\n" not in scrubbed
    found, sent = json.loads(scrubbed), json.loads(case.line)
    assert {key: found[key] for key in ("event", "service", "level")} == {
        key: sent[key] for key in ("event", "service", "level")
    }
    assert PLAIN.line(scrubbed) is scrubbed


@pytest.mark.parametrize("case", HARMLESS.values(), ids=HARMLESS)
def test_what_holds_no_secret_keeps_its_bytes(case):
    assert PLAIN.line(case.line) is case.line


def test_other_values_keep_their_bytes():
    line = b'{"event": "a.b", "n": [1.50, -0,  1e999], "password" :"x", "a": {"b":"\\u00e4"}}'
    assert PLAIN.line(line) == (
        b'{"event":"a.b","n":[1.50, -0,  1e999],"password":"[redacted]","a":{"b":"\\u00e4"}}'
    )


@pytest.mark.parametrize("scrubbed", [False, True])
@pytest.mark.parametrize("case", OF_RULES.values(), ids=OF_RULES)
def test_rules_add_keys_and_patterns_for_every_body(case, scrubbed):
    assert case.secret not in RULED.line(case.line, scrubbed=scrubbed)
    assert case.secret not in lines_of(RULED, case.line + b"\n", scrubbed=scrubbed)
    assert PLAIN.line(case.line, scrubbed=True) is case.line


@pytest.mark.parametrize("case", NOT_OF_RULES.values(), ids=NOT_OF_RULES)
def test_rules_find_nothing_else(case):
    assert RULED.line(case.line) is case.line


def test_the_patterns_that_rules_may_name_are_those_there_are():
    assert set(SCRUB_PATTERNS) == set(MASKS)
    for pattern in SCRUB_PATTERNS:
        assert lines_of(Scrubber(patterns=[pattern]), b'{"a":1}\n', scrubbed=True) == b'{"a":1}\n'


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "x"},
        {"password": 7},
        {"api_key": ""},
        {"authorization": ["x"]},
        {"secret": {"a": 1}},
        {"http_request_headers": {"authorization": "Bearer x"}},
        {"http_request_headers": {"X-Api-Key": "x"}},
        {"http_request_headers": "Cookie: token=abc"},
    ],
)
def test_sender_that_says_it_redacted_is_checked_for_exact_keys(fields):
    line = json.dumps(event(**fields, message="password=hunter2")).encode()
    scrubbed = PLAIN.line(line, scrubbed=True)
    assert b"hunter2" not in scrubbed  # one fault brings the whole walk
    assert b"[redacted]" in scrubbed


def test_sender_that_redacted_keeps_its_bytes():
    for fields in (
        {"password": "[redacted]", "token": None, "http_request_headers": {"authorization": "[redacted]"}},
        {"message": "password=hunter2", "http_request_headers": None},
    ):
        line = json.dumps(event(**fields)).encode()
        assert PLAIN.line(line, scrubbed=True) is line
        assert lines_of(PLAIN, line + b"\n", scrubbed=True) == line + b"\n"


def test_key_that_stands_twice_is_seen_in_a_redacted_body_too():
    line = b'{"event":"a.b","password":"hunter2","password":null}'
    assert PLAIN.line(line, scrubbed=True) == b'{"event":"a.b","password":null}'


def test_lines_are_scrubbed_each_by_itself():
    plain = json.dumps(event(n=1)).encode()
    lines = b"".join(each + b"\n" for each in (plain, SECRETS["password field"].line, plain))
    scrubbed = lines_of(PLAIN, lines, scrubbed=False).split(b"\n")
    assert (scrubbed[0], scrubbed[2], scrubbed[3]) == (plain, plain, b"")
    assert b"hunter2a" not in scrubbed[1]
    harmless = b"".join(case.line + b"\n" for case in HARMLESS.values())
    assert lines_of(PLAIN, harmless, scrubbed=False) is harmless


@pytest.mark.parametrize(
    ("raw", "secret"),
    [
        (b'{"password": "hunter2", oops', b"hunter2"),
        (b'{"authorization": "hunter2", "a": ', b"hunter2"),
        (b'{"otp":123456,"x"', b"123456"),
        (b'{"cookie": "hunter2 that is cut', b"hunter2"),
        (b"\xff\xfe password=hunter2", b"hunter2"),
        (b'{"a": "\xff", "token": "hunter2"}', b"hunter2"),
        (b"Authorization: Bearer hunter2.abc", b"hunter2"),
        (b"[" * 100_000 + b'"password=hunter2"', b"hunter2"),
        (b'[{"password": "hunter2"}]', b"hunter2"),
        (b'"token=hunter2"', b"hunter2"),
        (b'{"event": "password=hunter2", "service": "token=hunter2"}', b"hunter2"),
        (b'{"credentials": {"user": "u", "hidden": ["hunter2"', b"hunter2"),
        (b'password": "hunter2", "the beginning is cut"', b"hunter2"),
        (b'"the \\"new\\" password": "hunter2", oops', b"hunter2"),
        (b'"new password \\"again": "hunter2", oops', b"hunter2"),
        *((case.line, case.secret) for case in SECRETS.values()),
        *((case.line[:-1], case.secret) for case in SECRETS.values()),
        *((b'"' + case.line + b"\xff", case.secret) for case in SECRETS.values()),
    ],
)
def test_what_is_no_event_is_masked_as_far_as_it_can_be_read(raw, secret):
    assert secret not in PLAIN.raw(raw)


def test_what_is_no_event_keeps_all_else():
    for name in HARMLESS.keys() - {"identity"}:
        assert PLAIN.raw(HARMLESS[name].line) == HARMLESS[name].line
    assert PLAIN.raw(b'\xff {"otp":null, "a": "b"') == b'\xff {"otp":null, "a": "b"'
    assert PLAIN.raw(b'{"csrf_on":true,"token_count":-1, "otp":1,') == (
        b'{"csrf_on":true,"token_count":-1, "otp":[redacted],'
    )
    assert PLAIN.raw(b'\\u0041 {"a": "\\u0041", \xff') == b'\\u0041 {"a": "\\u0041", \xff'
    assert PLAIN.raw(b'{"a":{"token":{"x":[1]},"b":2},"c":') == b'{"a":{"token":[redacted],"b":2},"c":'
    assert PLAIN.raw(b'{"token": "x", "a": \xff') == b'{"token": [redacted], "a": \xff'


@pytest.mark.parametrize(
    "text",
    [
        "1 " * 60_000,
        "4111 " * 25_000,
        "4" * 120_000,
        "a@" * 60_000,
        "a.b" * 40_000,
        "a@b." * 30_000,
        "eyJ-" * 30_000,
        "a://b:" * 20_000,
        "password " * 13_000,
        "token: \\" * 14_000,
        "-----BEGIN PRIVATE KEY" * 10_000,
        "-----BEGIN A PRIVATE KEY PRIVATE KEY" * 6_000,
        "-----BEGIN PRIVATE KEY-----" + "-----END " * 25_000,
        "authorization: " * 15_000,
        "authorization: a,b=" * 12_000,
        "authorization: " + "a" * 240_000,
        "cookie: a;" * 24_000,
        "AKIA" * 60_000,
        "ghp_github_pat_" * 15_000,
        '"' + '\\"' * 60_000,
        '"a" ' * 30_000,
        '"a":' + " " * 120_000,
        '"token":' * 15_000,
        '"token":{' * 13_000,
        '"\\u0041' * 15_000,
    ],
)
@pytest.mark.timeout(20)  # what is quadratic would take minutes
def test_a_text_made_to_be_slow_is_not(text):
    RULED.line(json.dumps(event(token="x", text=text)).encode())
    RULED.raw(text.encode())


def test_cards_are_found_behind_any_number_of_nearly_cards_and_in_bounded_checks(monkeypatch):
    checks = []

    def counting(number):
        checks.append(number)
        return is_card(number)

    monkeypatch.setattr(cards, "is_card", counting)
    near, card = "4111 1111 1111 1112", "4111 1111 1111 1111"
    for gap in (", ", " ", "-", "; "):
        text = gap.join([near] * 900)
        assert cards.mask_cards(text) == text
        checks.clear()
        masked = cards.mask_cards(gap.join([near] * 6_000 + [card, "7"] + [near] * 6_000 + [card]))
        assert masked.startswith(gap.join([near] * 900))
        assert card not in masked
        assert len(checks) <= 2_000  # each as it is, and without its last group


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            "4111 1111 1111 1111/4111-1111-1111-1111/4222222222222/3782 822463 10005/ /-/x/1/4/41/, ".split(
                "/"
            )
        )
    )
)
def test_what_is_redacted_unchecked_holds_every_card(parts):
    text = "".join(parts)
    redacted = cards._RUN.sub("[redacted]", text)
    assert cards.mask_cards(redacted) == redacted


@pytest.mark.timeout(20)  # to try each quote as the beginning of a key takes half a second a line
def test_lines_of_quotes_hold_up_no_batch():
    for _ in range(60):
        PLAIN.raw(b'"\\' * 127_000)


words = st.sampled_from(
    [
        *redact._SECRET_WORDS,
        *itertools.chain(*redact._SECRET_PAIRS),
        "user",
        "Bearer abcdefgh1",
        "Authorization: ",
        "Set-Cookie: ",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_aB3dE6aB3dE6aB3dE6aB3dE6",
        "github_pat_aB3dE6aB3dE6aB3dE6aB3dE6",
        "xoxb-123456789012",
        "-----BEGIN PRIVATE KEY-----",
        "basic",
        "a://b:c@d",
        "=x",
        ": 'y'",
        "eyJabcdefgh.abcdefgh.",
        "1234567:" + "a" * 35,
        "_",
        "-",
        ".",
        " ",
        "id",
    ]
)
texts = st.one_of(
    st.lists(words, max_size=4).map("".join),
    st.lists(words, max_size=4).map("_".join),
    st.lists(words, max_size=3).map(lambda each: "".join(map(str.capitalize, each))),
    st.text(string.printable + "äß", max_size=12),
)
values = st.recursive(
    st.one_of(texts, st.none(), st.integers(), st.booleans()),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=250, deadline=None)
@given(st.dictionaries(texts, values, max_size=4), st.booleans())
def test_nothing_is_passed_by_that_the_walk_would_find(fields, ascii_only):
    line = json.dumps(fields, ensure_ascii=ascii_only).encode()
    for scrubber in (PLAIN, RULED):
        assert scrubber.line(line) == scrubber._walked(line)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(texts, values, max_size=4))
def test_a_scrubbed_event_is_an_event_of_the_same_shape(fields):
    line = json.dumps(fields).encode()
    scrubbed = PLAIN.line(line)
    assert scrubbed is line or b"[redacted]" in scrubbed
    assert isinstance(json.loads(scrubbed), dict)
