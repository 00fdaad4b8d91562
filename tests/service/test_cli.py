import http.server
import json
import re
import subprocess
import sys
import threading

import pytest
from urllib3 import HTTPResponse

from logweir_service.cli import main
from logweir_service.cli.ask import expect_ok
from logweir_service.errors import LookUpFailed
from logweir_service.journal import DataFolder, Journal, crc32

EVENTS = [
    {"event": "cart.loaded", "service": "shop", "level": "info", "correlation_id": "c1", "user_id": "u-1"},
    {
        "event": "payment.failed",
        "service": "pay",
        "level": "error",
        "correlation_id": "c1",
        "error_type": "Timeout",
    },
    {"event": "cart.loaded", "service": "shop", "level": "info", "correlation_id": "c2"},
]
ODD = (
    b'{"timestamp":"2026-09-21t14:13:29z","event":"cart.paid","service":"shop","level":"info",'
    b'"correlation_id":"c2","total":%s,"duration_seconds":%s}\n' % (b"9" * 5000, b"9" * 400)
)


@pytest.fixture
def data(tmp_path):
    """A folder that a service has used and left."""
    return filled(tmp_path, EVENTS, ODD)


def filled(tmp_path, events, more=b""):
    """A folder with these events, a second apart, and more lines."""
    journal = Journal(DataFolder(tmp_path / "data"))
    journal.recover(lambda located, segment: None)
    lines = b"".join(
        json.dumps({"timestamp": f"2026-09-21T14:13:2{second}Z", **event}).encode() + b"\n"
        for second, event in enumerate(events)
    )
    lines += more
    group = journal.begin(1_790_000_000.0)
    journal.append(group, lines, count=lines.count(b"\n"), lines_crc32=crc32(lines))
    journal.write(group)
    journal.settle(group)
    journal.close()
    return tmp_path / "data"


def run(capsys, *arguments):
    """The exit code, and what was written to stdout and stderr."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code, *capsys.readouterr()


def test_grep_prints_a_story_for_people(capsys, data):
    code, out, err = run(capsys, "grep", "c1", "--data", data)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "c1: 2 events, 1 error, 2 services (shop, pay)"
    assert "payment.failed" in out


def test_grep_prints_a_story_with_numbers_beyond_every_range(capsys, data):
    code, out, err = run(capsys, "grep", "c2", "--data", data)
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()[3:]] == [
        ["14:13:22.000", "shop", "info", "cart.loaded"],
        ["...", "7.00", "s", "..."],
        ["14:13:29.000", "shop", "info", "cart.paid", "total=null"],
    ]


def test_grep_prints_raw_lines_for_programs(capsys, data):
    code, out, _ = run(capsys, "grep", "c1", "--data", data, "--json")
    assert code == 0
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["cart.loaded", "payment.failed"]


def test_grep_that_finds_nothing_says_so_and_exits_1(capsys, data):
    assert run(capsys, "grep", "c3", "--data", data) == (1, "", "logweir: nothing is stored under c3\n")


@pytest.fixture
def many_ids(tmp_path):
    """A folder with events that are found by several ids."""
    events = [
        {"event": "a", "correlation_id": "c1", "trace_id": "t1", "event_id": "e1", "user_id": "u1"},
        {"event": "b", "correlation_id": "c1", "trace_id": "t2", "event_id": "e2", "user_id": "u2"},
        {"event": "c", "correlation_id": "t2", "trace_id": "t1", "event_id": "c1", "user_id": "u1"},
    ]
    return filled(tmp_path, [{"service": "shop", "level": "info", **event} for event in events])


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["c1"], "ab"),
        (["t1"], "ac"),
        (["e2"], "b"),
        (["t2"], "c"),
        (["--trace-id", "t2"], "b"),
        (["--event-id", "c1"], "c"),
        (["--user-id", "u1"], "ac"),
        (["--correlation-id", "t1"], ""),
        (["u1"], ""),
        (["c1", "--since", "2026-09-21T14:13:21Z"], "b"),
        (["c1", "--until", "2026-09-21T14:13:21Z"], "a"),
        (["c1", "--until", "1h", "--limit", "1"], "a"),
    ],
)
def test_grep_finds_by_the_id_that_is_named_or_by_the_first_that_there_is(capsys, many_ids, arguments, found):
    code, out, err = run(capsys, "grep", *arguments, "--data", many_ids, "--json")
    assert [json.loads(line)["event"] for line in out.splitlines()] == [*found]
    assert code == (0 if found else 1)
    assert bool(err) == (arguments in (["t1"], ["e2"]) or not found or "--limit" in arguments)


def test_grep_says_by_which_id_it_found_and_what_is_missing(capsys, many_ids):
    told = {
        ("t1",): "t1 is no correlation id; shown is what has it as its trace id",
        ("c1", "--limit", "1"): "only the first 1 events are shown",
        ("c1", "--until", "2020-01-01T00:00:00Z"): "nothing is stored under c1 in that time",
        ("--user-id", "u\x1b9"): "nothing is stored under user u\\x1b9",
    }
    for arguments, words in told.items():
        assert run(capsys, "grep", *arguments, "--data", many_ids)[2] == f"logweir: {words}\n"


def test_grep_of_a_user_is_headed_by_the_user_and_tells_the_stories_apart(capsys, many_ids):
    _, out, _ = run(capsys, "grep", "--user-id", "u1", "--data", many_ids)
    assert out.startswith("user u1: 2 events, 0 errors, 1 service (shop)\n")
    assert [line.split()[-1] for line in out.splitlines() if "shop  info" in line] == ["c1", "t2"]


@pytest.mark.parametrize(
    "odd",
    [["--limit", "0"], ["--limit", "x"], ["--since", "soon"], ["--trace-id", "--user-id"], ["--color", "x"]],
)
def test_odd_options_of_grep_are_wrong_usage(capsys, many_ids, odd):
    assert run(capsys, "grep", "c1", *odd, "--data", many_ids)[0] == 64


@pytest.mark.parametrize("odd", ["", "x" * 129])
def test_what_can_be_no_id_is_wrong_usage(capsys, many_ids, odd):
    code, out, err = run(capsys, "grep", odd, "--data", many_ids)
    assert (code, out) == (64, "")
    assert "an id has 1 to 128 characters" in err


@pytest.mark.fault(38, 50)
@pytest.mark.parametrize("odd", ["\udcff", "c1\r\n\x1b[2J", "c%", "*", "c1' or '1'='1", '"', "\\"])
@pytest.mark.parametrize("kind", [(), ("--trace-id",), ("--user-id",)])
def test_an_odd_id_is_looked_for_as_it_is_and_told_visibly(capsys, many_ids, odd, kind):
    code, out, err = run(capsys, "grep", odd, *kind, "--data", many_ids)
    assert (code, out) == (1, "")
    assert err.rstrip("\n").isprintable()


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    ("partial", "told"),
    [
        ("removed", "events were removed by retention while this looked for them"),
        ("deadline", "time ran out before everything was looked at"),
    ],
)
def test_grep_says_why_events_may_be_missing(capsys, partial, told):
    """A service that says so stands in for one that is slow, or that forgets just then."""
    pages = [
        b'{"count":1,"events":[{"event":"a","n":1}],"next":"7.1.0","partial":null}',
        b'{"count":1,"events":[{"event":"b","n":2}],"next":null,"partial":"%s"}' % partial.encode(),
    ]
    asked = []

    class Service(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(pages[len(asked) - 1])

        def log_message(self, *_):
            pass

    def serve() -> None:
        for _ in pages:
            service.handle_request()

    with http.server.HTTPServer(("127.0.0.1", 0), Service) as service:
        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{service.server_port}"
        code, out, err = run(capsys, "grep", "c1", "--url", url, "--json")
    assert (code, out) == (0, '{"event":"a","n":1}\n{"event":"b","n":2}\n')
    assert err == f"logweir: {told}\n"
    assert asked == [f"/v1/events?correlation_id=c1{more}&limit=1000" for more in ("", "&cursor=7.1.0")]


def test_grep_in_a_folder_of_nobody_names_it_and_exits_78(capsys, tmp_path):
    code, _, err = run(capsys, "grep", "c1", "--data", tmp_path)
    assert code == 78
    assert str(tmp_path) in err
    assert len(err.splitlines()) == 1


def test_a_service_that_does_not_listen_is_told_in_words(capsys):
    told = "logweir: http://127.0.0.1:1/v1/events cannot be asked: Connection refused\n"
    assert run(capsys, "grep", "c1", "--url", "http://127.0.0.1:1") == (1, "", told)


def test_a_file_that_cannot_be_read_is_told_by_path_and_reason(capsys, tmp_path):
    code, _, err = run(capsys, "promote", "--dry-run", tmp_path / "none")
    assert (code, err) == (1, f"logweir: {tmp_path / 'none'}: No such file or directory\n")


@pytest.mark.parametrize(("url", "exits"), [("http://127.0.0.1:1", 1), ("nonsense://x", 64)])
def test_grep_of_a_service_that_cannot_be_asked_is_one_line(capsys, url, exits):
    code, _, err = run(capsys, "grep", "c1", "--url", url)
    assert code == exits
    assert url in err
    assert len(err.splitlines()) == 1


def test_promote_shows_the_sentry_event_of_a_story(capsys, data, tmp_path):
    _, story, _ = run(capsys, "grep", "c1", "--data", data, "--json")
    (tmp_path / "story.ndjson").write_text(story)
    code, out, _ = run(capsys, "promote", "--dry-run", tmp_path / "story.ndjson")
    shown = json.loads(out)
    assert code == 0
    assert shown["user"] == {"id": "u-1"}
    assert [crumb["category"] for crumb in shown["breadcrumbs"]["values"]] == ["shop.cart.loaded"]


def test_promote_of_a_story_without_errors_says_so_and_exits_1(capsys, tmp_path):
    (tmp_path / "calm.ndjson").write_text(
        json.dumps({"timestamp": "2026-09-21T14:13:20Z", **EVENTS[0]}) + "\n"
    )
    code, out, err = run(capsys, "promote", "--dry-run", tmp_path / "calm.ndjson")
    assert (code, out.strip()) == (1, "")
    assert "no rule promotes" in err


@pytest.mark.parametrize("content", [None, "not json\n"])
def test_promote_of_a_file_that_is_none_is_one_line(capsys, tmp_path, content):
    path = tmp_path / "events.ndjson"
    if content is not None:
        path.write_text(content)
    code, _, err = run(capsys, "promote", "--dry-run", path)
    assert code == 1
    assert len(err.splitlines()) == 1


def test_check_passes_the_packs(capsys):
    code, out, _ = run(capsys, "check", "packs")
    assert code == 0
    assert "metrics" in out


def test_check_says_what_is_read_and_not_applied(capsys, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "version: 1\npromote: [{name: a, rate_limit: {burst: 10}}]\nstore: [{event: '*', keep: 0.5}]\n"
    )
    code, out, _ = run(capsys, "check", path)
    assert (code, out.splitlines()[1:]) == (0, ["read, and not applied yet: rate_limit"])
    path.write_text("version: 1\npromote: [{name: a, sample_rate: 0.5}]\n")
    assert len(run(capsys, "check", path)[1].splitlines()) == 1


def test_check_gives_packs_the_labels_that_the_service_gives_them(capsys, monkeypatch):
    monkeypatch.setenv("LOGWEIR_PACK_LABELS", "service,service_version")
    code, out, _ = run(capsys, "check", "packs/auth")
    assert code == 0
    assert "service_version 200*" in out
    assert "environment" not in out
    monkeypatch.setenv("LOGWEIR_PACK_LABELS", "job")
    code, _, err = run(capsys, "check", "packs/auth")
    assert (code, err) == (1, "LOGWEIR_PACK_LABELS: label 'job' is kept by Prometheus for itself\n")


def test_check_names_file_and_line_of_every_problem(capsys, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("version: 1\nmetrics:\n  - {name: Bad-Name, type: counter, event: x}\n  - {nam: a}\n")
    code, _, err = run(capsys, "check", path)
    assert code == 1
    assert f"{path}:3" in err
    assert f"{path}:4" in err


@pytest.mark.parametrize(
    "arguments", [(), ("grep",), ("no-such",), ("promote", "x"), ("grep", "c1", "--nope")]
)
def test_wrong_usage_exits_64(capsys, arguments):
    code, _, err = run(capsys, *arguments)
    assert code == 64
    assert err.count("\n") == 1
    assert " --help" in err


def test_an_address_without_its_scheme_is_one_of_http(capsys):
    code, _, err = run(capsys, "grep", "c1", "--url", "127.0.0.1:9")
    assert (code, err) == (
        1,
        "logweir: http://127.0.0.1:9/v1/events cannot be asked: Connection refused\n",
    )


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, b'{"error":"unauthorized","message":"m"}', "answered 401: give one of its LOGWEIR_READ_TOKENS"),
        (503, b'{"error":"busy","message":"two searches run"}', "answered 503: two searches run"),
        (502, b"<h1>Bad\x1b[31m gateway</h1>", r"answered 502: <h1>Bad\x1b[31m gateway</h1>"),
    ],
)
def test_a_refusal_of_the_service_is_told_in_words(status, body, told):
    with pytest.raises(LookUpFailed, match=re.escape(told)):
        expect_ok("http://logs/v1/events", HTTPResponse(body=body, status=status))


@pytest.mark.parametrize(
    ("option", "given", "told"),
    [
        ("--since", "yesterday", "'yesterday' is no moment: write an age such as 15m"),
        ("--limit", "0", "'0' is no number of events"),
        ("--url", "ftp://logs", "'ftp://logs' is no address such as http://"),
    ],
)
def test_an_option_that_cannot_be_used_is_told_with_what_was_given(capsys, option, given, told):
    code, _, err = run(capsys, "grep", "c1", option, given)
    assert code == 64
    assert f"argument {option}: {told}" in err


def test_the_help_tells_of_all_commands_in_order(capsys):
    code, out, _ = run(capsys, "--help")
    told = [line.split()[0] for line in out.splitlines() if line.startswith("    ") and line[4] != " "]
    assert (code, told) == (
        0,
        [
            "serve",
            "status",
            "grep",
            "events",
            "tail",
            "check",
            "test",
            "explain",
            "replay",
            "dead",
            "promote",
            "erase",
        ],
    )


def test_an_unknown_command_is_one_of_usage(capsys):
    code, out, err = run(capsys, "server")
    assert (code, out) == (64, "")
    assert "'server'" in err


def imported(code):
    """The packages that a fresh interpreter has imported behind some code."""
    code += "; import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    return {
        *subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, text=True
        ).stdout.split()
    }


def test_a_command_waits_for_no_import_of_another():
    slow = {"fastapi", "sentry_sdk", "urllib3", "prometheus_client"}
    assert slow.isdisjoint(
        imported("import logweir_service.cli as cli; cli.parser(['serve', '--data', 'x'])")
    )
    assert "urllib3" in imported("import logweir_service.cli as cli; cli.parser()")


def test_a_service_without_a_dsn_does_not_wait_for_the_sentry_sdk():
    assert "sentry_sdk" not in imported("import logweir_service.app")
    assert "sentry_sdk" in imported("import logweir_service.promote.send")
