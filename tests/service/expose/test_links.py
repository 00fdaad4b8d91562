from logweir_service.expose.links import Links


def test_ids_are_filled_in_so_that_they_stay_one_value():
    links = Links("https://sentry.example/issues/?query={event_id}", "https://traces.example/{trace_id}/x")
    assert links.to_issue("a" * 32) == f"https://sentry.example/issues/?query={'a' * 32}"
    assert links.to_trace("../?a=1&b#c\r\nd") == "https://traces.example/..%2F%3Fa%3D1%26b%23c%0D%0Ad/x"


def test_where_nothing_is_set_or_known_there_is_no_link():
    assert Links().to_issue("a" * 32) is None
    assert Links(trace_url="https://traces.example/{trace_id}").to_trace("") is None
