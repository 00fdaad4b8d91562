"""Events that hold a secret, and events that only look as if: a table for every way into the data folder."""

import json
from typing import Any, NamedTuple

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.dGhlLXNpZ25hdHVyZQ"
GITHUB = "ghp_" + "aB3dE6" * 6
GITHUB_PAT = "github_pat_11AB_" + "c0D3" * 16
AWS, SLACK = "AKIA" + "IOSFODNN7EXAMPLE", "xoxb-" + "123456789012-h4Sh"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKCAQ\n-----END RSA PRIVATE KEY-----"
TELEGRAM = "123456789:" + "AAx-_" * 7


class Case(NamedTuple):
    line: bytes
    secret: bytes
    """What must not be found anywhere afterwards."""


def event(**fields: Any) -> dict[str, Any]:
    fixed = {"event": "a.b", "service": "shop", "level": "info", "timestamp": "2026-09-21T14:13:20Z"}
    return {**fixed, **fields}


def case(secret: str, **fields: Any) -> Case:
    return Case(json.dumps(event(**fields)).encode(), secret.encode())


def raw(secret: str, more: bytes) -> Case:
    return Case(json.dumps(event()).encode()[:-1] + b", " + more + b"}", secret.encode())


SECRETS = {
    "authorization header": case(
        "dXNlcjpodW50", http_request_headers={"Authorization": "Basic dXNlcjpodW50ZXIy", "accept": "a/b"}
    ),
    "cookie header": case("c00kie", http_request_headers={"cookie": "session=c00kie"}),
    "api key header": case("k3y-one", http_request_headers={"X-Api-Key": "k3y-one"}),
    "password field": case("hunter2a", password="hunter2a"),
    "password that is a number": case("47114711", password=47114711),
    "one-time password that is a number": case("471147", otp_code=471147, token_count=1),
    "text under what says measure": case("hunter5h", token_count="hunter5h"),
    "measured list": case("hunter5i", secret_size=["hunter5i"]),
    "password that is an object": case("hunter2b", credentials={"user": "u", "hidden": ["hunter2b"]}),
    "api key": case("hunter2c", apiKey="hunter2c"),
    "compound key": case("hunter2d", stripe_secret_key="hunter2d"),
    "one-time password": case("hunter2e", otp="hunter2e"),
    "xsrf": case("hunter2f", **{"x-xsrf": "hunter2f"}),
    "csrf": case("hunter2g", csrf="hunter2g"),
    "cvv": case("hunter2h", cvv="hunter2h"),
    "connection string": case("hunter2i", connectionString="Server=x;User=u;X=hunter2i"),
    "card number by its key": case("hunter2j", card_number="hunter2j"),
    "private key": case("hunter2k", private_key="hunter2k"),
    "nested key": case("hunter2l", a={"b": [{"c": {"db_password": "hunter2l"}}]}),
    "reserved field with a secret below": case("hunter2m", tags={"token": "hunter2m"}),
    "password in a text": case("hunter2n", message="login failed: password=hunter2n, user=a"),
    "password in json in a text": case("hunter2o", payload='{"password": "hunter2o", "n": 1}'),
    "token in a form": case("hunter2p", body="grant_type=x&client_secret=hunter2p&a=1"),
    "header in a text": case("hunter2q.abc", message="Authorization: Bearer hunter2q.abc-def"),
    "other scheme in a text": case("hunter5a", message="sent Authorization: Token hunter5a, got 401"),
    "proxy header in a form": case("hunter5b", note="curl -H 'proxy-authorization: hunter5b' http://x"),
    "header of parameters": case("hunter5c", note='Authorization: Digest username="u", response="hunter5c"'),
    "headers as python prints them": case("hunter5d", note="{'Authorization': b'Token hunter5d', 'a': 1}"),
    "headers in json in a text": case("hunter5e", payload='{"authorization": "Token hunter5e"}'),
    "set cookie": case("hunter5f", message="Set-Cookie: a=b; sid=hunter5f; Path=/; HttpOnly"),
    "cookies as python prints them": case("hunter5g", message="cookies={'sid': 'hunter5g'} were sent"),
    "aws": case(AWS, message=f"AWS said no to {AWS}."),
    "github": case(GITHUB, url_path=f"/x/{GITHUB}"),
    "github, fine-grained": case(GITHUB_PAT, tried=[f"remote: {GITHUB_PAT}"]),
    "slack": case(SLACK, note=f"with {SLACK}!"),
    "private key in a text": case("MIIEow", note=f"cannot read {PEM}, sorry"),
    "private key that is cut": case("MIIEow", exception=[{"value": f"bad key: {PEM[:45]}"}]),
    "private key of another kind": case("MIIEow", note=PEM.replace("RSA ", "")),
    "bearer in lower case": case("hunter2r.abc", note="got bearer hunter2r.abc-def"),
    "json web token": case(JWT[-12:], message=f"bad {JWT}"),
    "json web token in a list": case(JWT[-12:], tried=[1, [f"x {JWT}"]]),
    "user in an address": case("hunter2s", url="postgres://app:hunter2s@db/x"),
    "user in an address with escaped slashes": raw("hunter2t", rb'"url":"postgres:\/\/app:hunter2t@db\/x"'),
    "telegram": case(TELEGRAM[10:], url_path=f"/bot{TELEGRAM}/sendMessage"),
    "frames": case(
        "hunter2u",
        exception=[
            {
                "type": "E",
                "value": "password='hunter2u'",
                "frames": [{"context_line": "pwd = 'hunter2u'", "vars": {"passwd": "hunter2u"}}],
            }
        ],
    ),
    "escaped key": raw("hunter2v", rb'"pass\u0077ord":"hunter2v"'),
    "key escaped in full": raw("hunter2w", rb'"\u0074\u006f\u006b\u0065\u006e":"hunter2w"'),
    "escaped text": raw("hunter2x", rb'"message":"p\u0061ssword=hunter2x"'),
    "key that stands twice": raw("hunter2y", b'"password":"hunter2y","password":null'),
    "nested key that stands twice": raw("hunter2z", b'"a":[{"token":"hunter2z","token":"[redacted]"}]'),
    "twice beside a harmless one": raw("hunter3a", b'"note":"password=hunter3a","note":"x","token":null'),
    "secret as a key": case("hunter3b", seen={"password=hunter3b": 1}),
    "own key beside a secret": case("hunter3c", _x=1, token="hunter3c"),
    "odd clock beside a secret": case("hunter3d", timestamp="yesterday", token="hunter3d"),
    "among odd numbers": raw("hunter3f", b'"n":1e999,"m":' + b"1" * 100 + b',"token":"hunter3f"'),
    "non-ascii neighbours": raw("hunter3g", '"ä":"\N{SNOWMAN}","token":"hunter3g"'.encode()),
    "acronym before it": case("hunter4a", DBPassword="hunter4a"),
    "acronym in it": case("hunter4b", APIkey="hunter4b"),
    "in what should be an id": case("hunter4c", event_id={"password": "hunter4c"}),
    "in a list for an id": case("hunter4d", trace_id=["Bearer hunter4d"]),
    "several of them": case("hunter4e", http_request_cookies={"sid": "hunter4e"}),
    "prefixed by a dash": case("hunter3h", **{"x-auth-token": "hunter3h"}),
}
"""Found in any body that its sender has not redacted."""

ODD_CLOCK = case("hunter3e", timestamp="token=hunter3e")
"""Judged first: what is no time becomes a text of the event's own."""

HARMLESS = {
    "session id": case("", session_id="4711", gen_ai_usage_input_tokens=17, gen_ai_usage_output_tokens=4),
    "prose": case("", message="17 tokens; Basic authentication failed; the key is lost; monkey: see"),
    "near prose": case("", message="authorization failed; cookies are off; a private key is missing; AKIA x"),
    "public key": case("", note="-----BEGIN PUBLIC KEY-----\nMIIBIj\n-----END PUBLIC KEY-----"),
    "near tokens": case("", note="xoxb-1 ghp_x github_pat_x NAKIAIOSFODNN7EXAMPLE asia-east1"),
    "flags": case("", csrf_enabled=True, otp_sent=False, a=[{"token": True, "has_password": False}]),
    "measures": case("", token_count=17, tokenLimit=1.5e3, a={"otp-attempts": -1, "secret.ttl": 0}),
    "kind of token": case("", gen_ai_token_type="input"),
    "null": case("", password=None, token=None),
    "redacted": case("", password="[redacted]", message="password=[redacted], n=1"),
    "identity": case("", correlation_id="token:abcdefgh", event_id="password=4711", span_id="token=1"),
    "white space": raw("", b'"token" : null ,  "a" :[1.50 , {"b": -0}]'),
    "an address": case("", url="http://host:8080/a?mail=a@b.c", url_path="/card/key/token"),
    "a card number": case("", message="paid with 4111 1111 1111 1111", n=4111111111111111),
    "colons in texts": case("", note='{"a": "b:c", "d": "e"}', key="a:b"),
}
"""Kept byte for byte."""

OF_RULES = {
    "card": case("4111 1111", message="paid with 4111 1111 1111 1111."),
    "card behind a year": case("4111-1111", message="in 2023-4111-1111-1111-1111"),
    "card before other digits": case(
        "4111 1111", message="4111 1111 1111 1111 2026, 4111 1111 1111 1111 123"
    ),
    "card without gaps": case("4111111111111111", message="<4111111111111111>"),
    "card as a number": case("5500005555555559", n=5500005555555559),
    "card as a key": case("4111111111111111", seen={"4111111111111111": 1}),
    "american express": case("378282246310005", a={"b": ["378282246310005"]}),
    "american express in groups": case("3782 822463", a={"b": ["3782 822463 10005"]}),
    "email": case("jane.doe+x@", message="mail to jane.doe+x@example.org failed"),
    "email escaped": raw("jane.roe", rb'"note":"jane.roe\u0040example.org"'),
    "own key": case("DE8937", customer_iban="DE8937"),
    "own key in camel case": case("DE8938", a=[{"customerIban": "DE8938"}]),
    "own key that is a flag": case("true", **{"home-address": True}),
    "own words": case("12 Elm St", **{"home-address.street": "12 Elm St"}),
    "json web token": case(JWT[-12:], message=f"bad {JWT}"),
    "bearer": case("abcdefgh.ijk", note="a bearer abcdefgh.ijk"),
}
"""Found by `RULES` in every body, also one that its sender has redacted."""

NOT_OF_RULES = {
    "wrong check digit": case("", message="paid with 4111 1111 1111 1112", n=4111111111111112),
    "long number": case("", n=41111111111111111111111, message="41111111111111111111111"),
    "fraction": case("", n=0.4111111111111111, message="took 0.4111111111111111 s"),
    "nanoseconds": case("", n=1790000000000000000, message="at 1790000000000000000"),
    "hexadecimal": case("", message="a4111111111111111 4111111111111111b"),
    "reserved field of such a word": case("", session_id="4711"),
    "word in a word": case("", ibanized="x", street_address="x"),
    "no address": case("", message="a@b, @c.d, user@"),
}

RULES: dict[str, list[str]] = {
    "keys": ["iban", "session", "address_street", "home-address"],
    "patterns": ["card", "email", "jwt", "bearer"],
}
