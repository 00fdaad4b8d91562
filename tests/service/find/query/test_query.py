import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.find.query.query import BadQuery, Query

TIMED_OUT = {
    "timestamp": "2026-09-21T14:13:00.5Z",
    "level": "error",
    "service": "api",
    "event": "http.request",
    "message": "Could Not reach\nЖЯ Ж",
    "http_response_status_code": 502,
    "duration_seconds": 0.75,
    "user_id": "a b",
    "promote": True,
    "tags": {"tenant": "acme", "deep": {"er": "down"}},
    "exception": [{"type": "TimeoutError", "value": "after 5 s"}, {"type": "OSError", "value": "refused"}],
    "order.id": "1004711",
    "items": [17, 18],
    "class": "gold",
    "path": "/a*b",
    "nothing": None,
}


def accepts(text, event=TIMED_OUT, **more):
    return Query(text, **more).accepts(json.dumps(event).encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "service:api",
        'service:"api"',
        "level:error",
        "level:ERROR",
        "level:>=warning",
        "level:<critical",
        "event:http.*",
        "event:*.request",
        "event:h*p*st",
        "user_id:*",
        'user_id:"a b"',
        "-user_id:c",
        "-session_id:*",
        "-nothing:*",
        "-level:debug",
        "-level:>error",
        "http_response_status_code:502",
        'http_response_status_code:"502"',
        "http_response_status_code:5.02e2",
        "http_response_status_code:5*",
        "http_response_status_code:>=502",
        "http_response_status_code:<503",
        "duration_seconds:>0.5",
        "duration_seconds:0.750",
        "promote:true",
        "-promote:false",
        "tags.tenant:acme",
        "tags.deep.er:d*n",
        "tags:*",
        "exception.type:OSError",
        "exception.value:*5*",
        "order.id:1004711",
        "items:18",
        "class:gold",
        'path:"/a*b"',
        "path:/a*",
        "could",
        '"could not"',
        '"NOT REACH"',
        "жя ж",
        "timeouterror",
        "4711",
        "could*reach",
        "-missing",
        '-"not there"',
        'service:api level:error "could not" 4711 -debug',
    ],
)
def test_it_accepts(text):
    assert accepts(text)


@pytest.mark.parametrize(
    "text",
    [
        "service:ap",
        "service:api2",
        "-service:api",
        "level:warning",
        "level:>error",
        "event:http",
        "event:http.*.request",
        "event:*request.*",
        "http_response_status_code:50",
        "http_response_status_code:>502",
        "service:>0",
        "session_id:*",
        "nothing:*",
        "promote:1",
        "items:19",
        "tags:acme",
        "tags.tenant.x:*",
        "exception.type:timeouterror",
        'path:"/a*"',
        "tenant",
        '"reach could"',
        "reach*could",
        "acme*down*TimeoutError",
        "-could",
        "could -could",
        "0.75",
        "true",
        'user_id:"a*"',
    ],
)
def test_it_does_not_accept(text):
    assert not accepts(text)


@pytest.mark.parametrize(
    ("text", "character", "told"),
    [
        ('say"', 4, "quote within a word"),
        ('level:error "open', 13, "not closed"),
        ('"a"b', 4, "a space is missing"),
        ('"a\\n"', 4, "backslash"),
        ('"a\\', 4, "backslash"),
        ("a level:", 3, "write level:*"),
        ("http://host/", 1, "quotes"),
        ("a OR b", 3, "where"),
        ("a (b)", 3, "where"),
        ("level:(error)", 1, "where"),
        ("level=error", 1, "write level:error"),
        ("level!=error", 1, "write -level:error"),
        ("duration_seconds>3", 1, "write duration_seconds:>3"),
        ("duration_seconds:>slow", 1, "number"),
        ("duration_seconds:>", 1, "number"),
        ("duration_seconds:>1e999", 1, "number"),
        ("level:>warn", 1, "debug, info, warning, error, critical"),
        ("level:eror", 1, "debug, info, warning, error, critical"),
        ("12:30", 1, "quotes"),
        ("timestamp:2026", 1, "since"),
        ("-", 1, "missing"),
        ("*", 1, "missing"),
        ('""', 1, "missing"),
        ("- a", 1, "missing"),
    ],
)
def test_what_is_no_query_is_told_in_one_line_with_its_place(text, character, told):
    with pytest.raises(BadQuery) as fault:
        Query(text)
    assert f"at character {character}:" in str(fault.value)
    assert told in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(("text", "told"), [("a" * 2001, "longer than 2000"), ("a " * 51, "more than 50")])
def test_a_query_has_bounds(text, told):
    with pytest.raises(BadQuery, match=told):
        Query(text)


@pytest.mark.parametrize(
    ("where", "accepted"),
    [
        ('level == "error"', True),
        ('level == "error" and duration_seconds > 1', False),
        ('level in ("error", "critical") and http_response_status_code >= 500', True),
        ('class_ == "gold"', True),
        ('tags["tenant"] == "acme"', True),
        ('service < 3 or level == "error"', False),  # cannot be asked of this event: no match, and no fault
        ('matches(message, "^Could")', True),
        ('level == "debug" or message is not None', True),
    ],
)
def test_where_is_the_language_of_rules(where, accepted):
    assert accepts("", where=where) is accepted


def test_words_and_where_both_hold():
    assert accepts("could", where='level == "error"')
    assert not accepts("missing", where='level == "error"')
    assert not accepts("could", where='level == "debug"')


def test_a_where_that_is_none_is_told_in_one_line():
    with pytest.raises(BadQuery, match=r"^where may not call 'open'"):
        Query(where='open("x")')


def test_matches_have_their_place_among_the_lines_also_behind_lines_that_were_removed():
    lines = b"".join([line(level="info"), b"\n", line(level="error"), b"\n", line(level="error")])
    assert [match.index for match in Query("level:error").matches(lines)] == [2, 4]
    assert [match.index for match in Query("").matches(lines)] == [0, 2, 4]


def line(**members):
    return json.dumps(TIMED_OUT | members).encode() + b"\n"


LINES = [line(), line(level="info"), line(note="error"), line(a="\u00e9"), b"\n"]


@given(st.lists(st.sampled_from(LINES)))
def test_each_line_is_judged_as_if_it_were_alone(lines):
    for query in (Query("level:error"), Query('note:error "could"'), Query("-level:error"), Query("http")):
        expected = [index for index, each in enumerate(lines) if query.accepts(each.rstrip(b"\n"))]
        assert [match.index for match in query.matches(b"".join(lines))] == expected


def test_what_no_reader_takes_at_once_hides_none_of_its_neighbours():
    odd = [b'{"timestamp":1,"timestamp":"2026-09-21T14:13:00Z","level":"error"}\n', b'{"timestamp":7}\n']
    lines = b"".join([line(), *odd, b"no json\n", line(n=0).replace(b'"n": 0', b'"n": 1e999')])
    found = [match.index for match in Query("level:error").matches(lines)]
    assert found == [0, 1, 4]


def test_a_hostile_pattern_takes_linear_time_on_a_hostile_event():
    text = "a" * 250_000
    pattern = "a*" * 900 + "b"
    assert not accepts(f"message:{pattern}", {**TIMED_OUT, "message": text})
    assert not accepts(pattern, {**TIMED_OUT, "message": text})


WORDS = st.text(
    st.sampled_from("abkKiIİsSß\u03a3\u03c3\u03c2/\\\"'*-: .0159éЖ\u212a\n<"), min_size=1, max_size=6
)
SCALARS = WORDS | st.integers(-20, 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
VALUES = st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.dictionaries(st.sampled_from(["a", "b.c", "ki", "b", "Ж", "x/y"]), VALUES, max_size=5).map(
    lambda members: {"timestamp": "2026-09-21T14:13:00Z", **members}
)


def written(event, how):
    if how == "escaped":
        return "".join(
            f"\\u{ord(each):04x}" if each.isascii() and each.isalpha() else each
            for each in json.dumps(event, ensure_ascii=False)
        ) if not _has_keywords(event) else json.dumps(event)  # fmt: skip
    text = json.dumps(event, ensure_ascii=how == "ascii")
    return text.replace("/", "\\/") if how == "slashes" else text


def _has_keywords(event):
    return any(word in json.dumps(event) for word in ("true", "false", "null", "e+", "e-", "\\", "E"))


QUERIES = st.one_of(
    WORDS.map(lambda word: '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'),
    WORDS,
    st.tuples(st.sampled_from(["a", "b.c", "ki", "b", "Ж", "a.b"]), WORDS | st.just("*")).map(":".join),
    st.tuples(st.sampled_from(["a", "b.c", "ki"]), WORDS).map(
        lambda pair: f"{pair[0]}:" + json.dumps(pair[1], ensure_ascii=False).replace("\\n", "n")
    ),
    st.tuples(st.sampled_from(["a", "b.c", "ki"]), WORDS, WORDS).map(
        lambda parts: f"{parts[0]}:{parts[1]}*{parts[2]}"
    ),
    st.tuples(st.sampled_from(["a", "b.c"]), SCALARS).map(lambda pair: f"{pair[0]}:>{pair[1]}"),
)


@given(QUERIES, EVENTS, st.sampled_from(["ascii", "plain", "slashes", "escaped"]))
def test_the_bytes_that_a_match_must_contain_hide_none(text, event, how):
    try:
        query = Query(text)
        is_one = len(query._texts + query._asked) == 1 and not text.startswith(("-", " ", "\n"))
        negated = Query(f"-{text}") if is_one else None
    except BadQuery:
        return
    stored = written(event, how).encode()
    unfiltered = Query(text)
    unfiltered._exact = unfiltered._any_case = ()
    assert query.accepts(stored) == unfiltered.accepts(stored)
    assert negated is None or negated.accepts(stored) is not query.accepts(stored)


@pytest.mark.parametrize(
    ("word", "event"),
    [
        ("kiwi", '{"a":"\u212aiw\u0130"}'),
        ("xkiwi", '{"a":"x\u212aiwi"}'),
        ("\u03a3a", '{"a":"x\u03c3A"}'),
        ("a\u03a3", '{"a":"A\u03a3A"}'),
        ("a:b/c", '{"a":"b\\/c"}'),
        ("a:bc", r'{"a":"b\u0063"}'),
        ("aa:b", r'{"a\u0061":"b"}'),
    ],
)
def test_the_same_text_is_found_however_it_is_written(word, event):
    assert Query(word).accepts(f'{{"timestamp":"2026-09-21T14:13:00Z",{event[1:]}'.encode())


@given(EVENTS, st.data())
def test_a_piece_of_any_text_of_an_event_finds_it_in_any_case(event, data):
    texts = [value for value in event.values() if isinstance(value, str) and value.strip()]
    chosen = data.draw(st.sampled_from(texts))
    begin = data.draw(st.integers(0, len(chosen) - 1))
    piece = chosen[begin : data.draw(st.integers(begin + 1, len(chosen)))]
    quoted = '"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"'
    for text in (quoted, quoted.lower()):
        assert Query(text).accepts(msgspec.json.encode(event))


@given(st.text(st.sampled_from('ab:*-"\\<>=() .[]&|/0') | st.characters(), max_size=30))
def test_any_text_is_a_query_or_is_refused_in_one_line(text):
    told = ""
    try:
        Query(text).accepts(b'{"timestamp":"2026-09-21T14:13:00Z"}')
    except BadQuery as fault:
        told = str(fault)
    assert len(told.splitlines()) <= 1


@given(
    EVENTS, st.sampled_from(['a == "ab"', 'a > 3 and ki == "b"', "len(a) > 2", 'a["b"] == 1 or Ж is None'])
)
def test_no_event_makes_a_condition_fail(event, where):
    try:
        query = Query(where=where)
    except BadQuery:
        return
    query.accepts(msgspec.json.encode(event))
