import http.server
import json
import threading

import pytest

from logweir_service.cli import main
from logweir_service.dead import DeadLetters, NewLetter, Retried
from logweir_service.disk import Disk
from logweir_service.journal import DataFolder, Journal
from tests.end_to_end.live import LiveService

AT = 1_790_000_000.5
GOOD = b'{"event":"cart.paid","service":"shop","level":"INFO"}'
NO_LEVEL = b'{"event":"cart.paid","service":"shop"}'
LETTERS = [
    NewLetter("invalid_field", "level", "level must be one of debug, info", GOOD, "s-1", 12),
    NewLetter("missing_field", "level", "level is required", NO_LEVEL),
    NewLetter("invalid_json", None, "malformed", b"not json"),
    NewLetter("invalid_utf8", None, "not UTF-8 at byte 0", b"\xff\x1b[31m"),
]


def make(path, new):
    journal = Journal(DataFolder(path))
    store = DeadLetters(path / "dead", scrub=bytes, disk=Disk())
    store.write(new, received=AT)
    store.close()
    journal.close()
    return path


@pytest.fixture
def data(tmp_path):
    """A folder whose service has refused four events."""
    return make(tmp_path / "data", LETTERS)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    environment = {"LOGWEIR_INGEST_TOKENS": "t1=shop"}
    with LiveService(tmp_path_factory.mktemp("live"), environment=environment) as live:
        yield live


def run(capsys, *arguments):
    """The exit code, and the lines of stdout and stderr."""
    with pytest.raises(SystemExit) as ended:
        main(["dead", *map(str, arguments)])
    out, err = capsys.readouterr()
    return ended.value.code, out.splitlines(), err.splitlines()


def retry(capsys, service, data, *arguments):
    return run(capsys, "retry", *arguments, "--data", data, "--url", service.url, "--token", "t1")


def test_ls_lists_letters_and_counts_them_by_code(capsys, data):
    code, out, err = run(capsys, "ls", "--data", data)
    assert (code, err) == (0, [])
    assert [line.split()[0] for line in out[1:-1]] == ["1", "2", "3", "4"]
    assert out[1].split() == [
        *("1", "2026-09-21", "14:13:20", "invalid_field", "level", "shop"),
        GOOD.decode(),
    ]
    assert out[3].split()[3:] == ["invalid_json", "-", "-", "not", "json"]
    assert out[-1] == "4 letters, 1 invalid_field, 1 missing_field, 1 invalid_json, 1 invalid_utf8"


def test_ls_of_one_code_lists_no_other(capsys, data):
    code, out, _ = run(capsys, "ls", "--code", "invalid_json", "--data", data)
    assert code == 0
    assert [line.split()[0] for line in out[1:-1]] == ["3"]
    assert out[-1] == "1 letter, 1 invalid_json"


def test_ls_prints_letters_for_programs(capsys, data):
    code, out, _ = run(capsys, "ls", "--json", "--data", data)
    assert code == 0
    assert [json.loads(line)["code"] for line in out] == [letter.code for letter in LETTERS]
    assert out == (data / "dead" / f"{1:020}.ndjson").read_text().splitlines()


def test_ls_cuts_a_long_line(capsys, tmp_path):
    data = make(tmp_path / "data", [LETTERS[0]._replace(line="€".encode() * 100_000)])
    _, out, _ = run(capsys, "ls", "--data", data)
    assert out[1].endswith(" " + "€" * 80 + "...")


@pytest.mark.parametrize("arguments", [("ls",), ("ls", "--code", "no-such"), ("show", 5), ("show", 0)])
def test_what_is_not_there_is_said_in_one_line(capsys, data, arguments):
    if arguments == ("ls",):
        Retried(data / "dead").note([1, 2, 3, 4])
    code, out, err = run(capsys, *arguments, "--data", data)
    assert (code, out, len(err)) == (1, [], 1)


def test_ls_of_a_service_that_refused_nothing_finds_none(capsys, tmp_path):
    data = make(tmp_path / "data", [])
    assert run(capsys, "ls", "--data", data)[0] == 1


def test_a_folder_of_nobody_is_named_and_exits_78(capsys, tmp_path):
    code, _, err = run(capsys, "ls", "--data", tmp_path)
    assert code == 78
    assert len(err) == 1
    assert str(tmp_path) in err[0]


def test_show_prints_the_reason_and_the_line(capsys, data):
    code, out, _ = run(capsys, "show", 1, "--data", data)
    assert code == 0
    assert out[0].split() == ["received", "2026-09-21T14:13:20.500000Z"]
    assert "stream    s-1, number 12" in out
    assert out[-1] == GOOD.decode()


@pytest.mark.fault(41)
@pytest.mark.parametrize("command", ["show", "retry"])
@pytest.mark.parametrize(
    "odd", ["../../etc/passwd", "a", "-1", "1/../2", "", "1e3", "٣", "9" * 5000, "1\x00"]
)
def test_an_id_is_a_number_and_never_a_path(capsys, data, command, odd):
    url = ("--url", "http://127.0.0.1:1") if command == "retry" else ()
    code, out, err = run(capsys, command, odd, *url, "--data", data)
    assert (code, out) == (64, [])
    assert "--help" in err[0]


@pytest.mark.fault(38)
@pytest.mark.parametrize("evil", ["\x1b]0;x\x07", "\r\nlevel", "\u202e", "\x00", "\x9b31m", "\t", "\ufeff"])
def test_no_control_character_reaches_the_terminal(capsys, tmp_path, evil):
    line = json.dumps({"service": f"a{evil}", "event": evil}, ensure_ascii=False).encode() + evil.encode()
    odd = NewLetter(f"c{evil}", f"f{evil}", f"m{evil}", line, f"s{evil}", 1)
    named = NewLetter("c", "f", "m", json.dumps({"service": f"a{evil}"}).encode())
    data = make(tmp_path / "data", [odd, named])
    for arguments, lines in (("ls",), 4), (("show", 1), 6):
        code, out, err = run(capsys, *arguments, "--data", data)
        assert (code, err, len(out)) == (0, [], lines)
        assert all(line.isprintable() for line in out)
        assert any("\\" in line for line in out)


def test_retry_sends_what_was_mended_and_notes_it(capsys, service, data):
    code, out, err = retry(capsys, service, data, 1, 2, "--set", "level=info")
    assert (code, err) == (0, [])
    assert out == ["1: accepted", "2: accepted", "2 of 2 accepted"]
    stored = [json.loads(line) for line in grep(service, "cart.paid")]
    assert [event["level"] for event in stored] == ["info", "info"]
    assert len({event["event_id"] for event in stored}) == 2
    code, out, _ = run(capsys, "ls", "--data", data)
    assert [line.split()[0] for line in out[1:-1]] == ["3", "4"]
    out = run(capsys, "ls", "--all", "--data", data)[1]
    assert [line.split()[0] for line in out[1:-2]] == ["1*", "2*", "3", "4"]
    assert out[-1] == "* accepted since, by a retry"
    assert run(capsys, "show", 1, "--data", data)[1][-2].split() == ["retried", "accepted", "since"]
    code, out, err = retry(capsys, service, data, 1, "--set", "level=info")
    assert (code, out, len(err)) == (1, [], 2)
    assert err[0] == "logweir: nothing to send for 1: it was accepted since"


@pytest.mark.fault(21)
def test_retry_whose_answer_was_lost_stores_nothing_twice(capsys, service, tmp_path):
    data = make(tmp_path / "data", [LETTERS[1]._replace(line=b'{"event":"only.once","service":"shop"}')])
    for _ in range(2):
        code, out, _ = retry(capsys, service, data, "--all", "--set", "level=info")
        assert (code, out) == (0, ["1: accepted", "1 of 1 accepted"])
        (data / "dead" / "retried").unlink()
    assert len(grep(service, "only.once")) == 1


def grep(service, text):
    lines = b"".join(path.read_bytes() for path in sorted((service.data / "journal").glob("*.ndjson")))
    return [line for line in lines.split(b"\n") if text.encode() in line]


def test_retry_sends_nothing_that_would_be_refused_again(capsys, service, data):
    kept_before = kept(capsys, service)
    code, out, _ = retry(capsys, service, data, "--all", "--set", "level:=3")
    assert code == 1
    assert out == [
        "1: not sent, invalid_field: level must be a string",
        "2: not sent, invalid_field: level must be a string",
        "3: not sent, it is no JSON object, so no field can be set",
        "4: not sent, it is no JSON object, so no field can be set",
        "0 of 4 accepted",
    ]
    out = retry(capsys, service, data, 3, 4)[1]
    assert [line.split(", ")[1].split(":")[0] for line in out[:-1]] == ["invalid_json", "invalid_utf8"]
    assert Retried(data / "dead").ids() == set()
    assert kept(capsys, service) == kept_before


def kept(capsys, service):
    return run(capsys, "ls", "--all", "--json", "--data", service.data)[1]


def test_retry_of_one_code_sends_no_other(capsys, service, data):
    code, out, _ = retry(capsys, service, data, "--code", "missing_field", "--set", "level=info")
    assert (code, out) == (0, ["2: accepted", "1 of 1 accepted"])


def test_retry_of_more_than_a_receipt_lists_tells_of_each(capsys, service, tmp_path):
    lines = [LETTERS[number % 2]._replace(line=(NO_LEVEL, GOOD)[number % 2]) for number in range(350)]
    data = make(
        tmp_path / "data", [letter._replace(line=letter.line.replace(b"INFO", b"info")) for letter in lines]
    )
    code, out, _ = retry(capsys, service, data, "--all")
    assert code == 1
    assert [line.split(":")[1].split(",")[0].strip() for line in out[:-1]] == ["not sent"] * 175 + [
        "accepted"
    ] * 175
    assert out[-1] == "175 of 350 accepted"
    assert Retried(data / "dead").ids() == {*range(2, 351, 2)}


def test_retry_of_large_letters_goes_in_bodies_that_the_service_takes(capsys, service, tmp_path):
    line = GOOD[:-1].replace(b"INFO", b"info") + b',"text":"' + b"x" * 250_000 + b'"}'
    data = make(tmp_path / "data", [LETTERS[0]._replace(line=line)] * 45)
    code, out, _ = retry(capsys, service, data, "--all")
    assert (code, out[-1]) == (0, "45 of 45 accepted")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--token", "wrong"), "401"),
        (("--token", "t1"), "403"),
    ],
)
def test_retry_without_the_right_token_is_one_line(capsys, service, data, arguments, told):
    code, out, err = run(
        capsys,
        "retry",
        1,
        "--set",
        "service=other",
        "--set",
        "level=info",
        "--data",
        data,
        "--url",
        service.url,
        *arguments,
    )
    assert (code, out, len(err)) == (1, [], 1)
    assert told in err[0]


@pytest.mark.parametrize(("url", "exits"), [("http://127.0.0.1:1", 1), ("nonsense://x", 64)])
def test_retry_to_a_service_that_cannot_be_reached_is_one_line(capsys, data, url, exits):
    code, out, err = run(capsys, "retry", "--all", "--data", data, "--url", url)
    assert (code, out, len(err)) == (exits, [], 1)
    assert url in err[0]


@pytest.mark.fault(38)
@pytest.mark.parametrize(
    ("status", "body", "told"),
    [(200, b"<html>", "no Logweir service"), (500, b"\x1b[31m\r\nno", "\\x1b[31m\\r\\nno")],
)
def test_retry_to_something_else_is_one_line(capsys, data, status, body, told):
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.handle_request).start()
        url = f"http://127.0.0.1:{other.server_port}"
        code, out, err = run(capsys, "retry", "--all", "--data", data, "--url", url)
    assert (code, out, len(err)) == (1, [], 1)
    assert told in err[0]


def test_retry_of_everything_must_be_asked_for(capsys, data):
    code, out, err = run(capsys, "retry", "--data", data, "--url", "http://127.0.0.1:1")
    assert (code, out, len(err)) == (64, [], 1)


@pytest.mark.parametrize("odd", ["level", "=info", ":=1", "level:=nonsense"])
def test_an_odd_repair_is_wrong_usage(capsys, data, odd):
    assert run(capsys, "retry", 1, "--set", odd, "--data", data, "--url", "http://127.0.0.1:1")[0] == 64


def test_retry_that_cannot_note_what_was_accepted_sends_nothing(capsys, service, data):
    (data / "dead" / "retried").symlink_to(data / "nowhere" / "retried")
    before = service.get("/metrics").data
    code, out, err = retry(capsys, service, data, 1, "--set", "level=info")
    assert (code, out, len(err)) == (1, [], 1)
    assert [
        line for line in service.get("/metrics").data.split(b"\n") if b"logweir_events_accepted" in line
    ] == [line for line in before.split(b"\n") if b"logweir_events_accepted" in line]
