"""The service takes what the shipper writes: the golden body, to the last line."""

from pathlib import Path

from logweir.redact import is_secret
from logweir_service.decode import Decoder, StoredDecoder
from logweir_service.limits import Limits
from logweir_service.rules import load
from logweir_service.scrub import Scrubber

BODY = Path(__file__).with_name("shipper_body.ndjson").read_bytes()
NOW = 1_790_000_000.0


def test_every_event_of_the_shipper_is_accepted_and_its_control_lines_are_understood():
    batch = Decoder(Limits(), Scrubber()).decode(BODY, received=NOW, numbered=True)
    assert batch.rejections == []
    assert (batch.count, batch.lost_count, batch.closed) == (7, 20, True)
    assert batch.span == batch.count + batch.lost_count
    stored = [line for line in BODY.split(b"\n")[:-1] if not line.startswith((b'{"_lost"', b'{"_closed"'))]
    assert batch.lines.split(b"\n")[:-1] == stored


def test_a_body_without_control_lines_takes_the_fast_path_and_is_stored_as_it_came():
    events = b"".join(line + b"\n" for line in BODY.split(b"\n")[:-1] if b'"_' not in line)
    batch = Decoder(Limits(), Scrubber()).decode(events, received=NOW, numbered=True)
    assert batch.lines is events
    assert batch.numbers is None


def test_the_rules_find_their_fields_in_it():
    batch = Decoder(Limits(), Scrubber()).decode(BODY, received=NOW, numbered=True)
    fields = load(["packs"]).fields
    (events,) = StoredDecoder(fields).events(batch.lines)
    routes = {getattr(event, "http_route", None) for event in events if event.event == "http.request"}
    assert routes == {"/orders/{order_id}"}


def test_no_field_that_the_packs_read_is_redacted_by_its_key():
    rules = load(["packs", "packs/compat"])
    assert [field for field in rules.fields if is_secret(field)] == []
