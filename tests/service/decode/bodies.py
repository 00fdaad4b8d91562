"""Bodies for the decoder, and what tests ask of what it makes of them."""

import json

from logweir_service.decode import Decoder, StoredDecoder
from logweir_service.limits import Limits
from logweir_service.scrub import Scrubber

NOW = 1_790_000_000.0
TIMESTAMP = "2026-09-21T14:13:20.000000Z"
WANTED = ["environment", "duration_seconds", "http_route", "class"]


def event(**fields):
    return {"event": "cart.loaded", "service": "shop", "level": "info", "timestamp": TIMESTAMP, **fields}


def line(**fields):
    return json.dumps(event(**fields)).encode()


def decode(body, *, numbered=True, limits=None, received=NOW, scrubbed=False):
    decoder = Decoder(limits or Limits(), Scrubber())
    return decoder.decode(body, received=received, numbered=numbered, scrubbed=scrubbed)


def events(batch, wanted=WANTED):
    """What derive and promote get to see of a batch."""
    return [each for some in StoredDecoder(wanted).events(batch.lines) for each in some]


def codes(batch):
    return [(rejection.index, rejection.code, rejection.field) for rejection in batch.rejections]


GOOD_LINES = {
    "depth 32": line(x=json.loads("[" * 31 + "]" * 31)),
    "256 keys": line(x={f"k{n}": n for n in range(256)}),
    "exceeding every range": line()[:-1] + b', "duration_seconds": 1e999}',
    "2 to the 64": line(duration_seconds=2**64),
    "ten thousand digits": line()[:-1] + b', "duration_seconds": ' + b"1" * 10_000 + b"}",
    "minus zero": line()[:-1] + b', "duration_seconds": -0}',
    "duplicate keys": line()[:-1] + b', "http_route": "/a", "http_route": "/b"}',
    "escaped nul": line(http_route="\0"),
    "ansi escape": line(http_route="\x1b[31m\u202e\r\n"),
    "non-ascii": line().replace(b"cart.loaded", b'cart.loaded", "x": "\xc3\xa4'),
    "long": line(x="y" * 3000, z="}{[" * 20),
    "a deep stack of frames": line(exception=[{"frames": [{"n": n, "a": [n]} for n in range(60)]}] * 3),
    "braces in a string": line(x="}{][\\"),
    "null correlation id": line(correlation_id=None),
    "carriage return between members": line().replace(b", ", b",\r "),
    "other offset": line(timestamp="2026-09-21T16:13:20+02:00"),
}


class Watched(Decoder):
    """The real one, counting how often it took a stretch as a whole."""

    wholes = 0

    def _canonical(self, stretch, terms):
        found = super()._canonical(stretch, terms)
        self.wholes += found is not None
        return found
