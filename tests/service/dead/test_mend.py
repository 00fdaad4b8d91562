import json
from uuid import UUID, uuid5

import pytest

from logweir_service.dead import Letter, Unsendable, sendable

JOURNAL = UUID("884ebb57-95aa-4fa1-bd4f-5b3fa51f4453")


def letter(line, **fields):
    return Letter(
        id=7, when="", code="c", field=None, message="", stream=None, number=None, line=line, **fields
    )


def sent(line, repairs=None):
    return sendable(letter(line), repairs=repairs or {}, journal=JOURNAL)


def test_an_event_gets_the_identity_of_its_letter():
    assert json.loads(sent('{"event":"a"}')) == {"event": "a", "event_id": str(uuid5(JOURNAL, "dead:7"))}
    assert sent('{"event":"a"}') == sent('{"event":"a"}')


def test_an_identity_of_its_own_stays():
    assert sent('{"event_id":"mine"}') == b'{"event_id":"mine"}'
    assert json.loads(sent('{"event_id":null}'))["event_id"] == str(uuid5(JOURNAL, "dead:7"))


def test_repairs_take_the_place_of_what_was_odd():
    assert json.loads(sent('{"level":"INFO","event_id":"x"}', {"level": "info", "n": 3.5})) == {
        "level": "info",
        "event_id": "x",
        "n": 3.5,
    }


def test_what_is_not_repaired_keeps_its_bytes():
    assert b'"total":1.50e1,"id":18446744073709551617' in sent(
        '{"level":"x","total":1.50e1,"id":18446744073709551617}', {"level": "info"}
    )


@pytest.mark.parametrize("line", ["not json", "[1]", "[" * 5000, '{"a":1'])
def test_what_is_no_object_is_sent_as_it_came_and_cannot_be_repaired(line):
    assert sent(line) == line.encode()
    with pytest.raises(Unsendable, match="no JSON object"):
        sent(line, {"level": "info"})


def test_a_letter_stays_one_line():
    assert b"\n" not in sent('{"event":\n"a"}')
    assert sent("a\nb") == b"a b"


def test_what_is_kept_in_part_is_not_sent():
    with pytest.raises(Unsendable, match="beginning"):
        sendable(letter("{}", truncated=True), repairs={}, journal=JOURNAL)
