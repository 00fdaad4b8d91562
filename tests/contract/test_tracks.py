"""The ``track_*`` functions emit what the packs count."""

from __future__ import annotations

import logweir
from logweir.testing import CapturingSink
from tests.contract.service_in_small import ServiceInSmall


def metrics(sink: CapturingSink) -> dict[str, float]:
    return ServiceInSmall(sink.lines).metrics()


def test_a_request_is_counted_by_method_route_and_status(sink: CapturingSink) -> None:
    with logweir.track_request(method="GET", route="/orders/{id}", path="/orders/7") as request:
        request["http_response_status_code"] = 200
    with logweir.track_request(method="GET", route="/orders/{id}") as request:
        request["http_response_status_code"] = 503
    shown = metrics(sink)
    assert shown["http_requests_total{endpoint=/orders/{id},method=GET,status=200}"] == 1
    assert shown["http_errors_total{endpoint=/orders/{id},error_type=503,method=GET}"] == 1
    assert shown["http_request_duration_seconds_count{endpoint=/orders/{id},method=GET}"] == 2


def test_a_slow_request_is_counted_as_one_request_and_as_slow(sink: CapturingSink) -> None:
    with logweir.track_request(method="GET", route="/orders/{id}", slow_seconds=1e-9):
        pass
    shown = metrics(sink)
    assert shown["http_slow_requests_total{endpoint=/orders/{id}}"] == 1
    assert shown["http_request_duration_seconds_count{endpoint=/orders/{id},method=GET}"] == 1


def test_a_query_is_counted_by_operation_and_table(sink: CapturingSink) -> None:
    with logweir.track_db_query(operation="SELECT", table="orders", system="postgresql") as query:
        query["db_rows"] = 3
    shown = metrics(sink)
    assert shown["db_queries_total{query_type=SELECT,table=orders}"] == 1
    assert shown["db_query_duration_seconds_count{query_type=SELECT}"] == 1


def test_a_cache_is_counted_by_what_came_of_it(sink: CapturingSink) -> None:
    for result in ("hit", "miss"):
        with logweir.track_cache_operation(operation="get", cache="prices") as look_up:
            look_up["cache_result"] = result
    with logweir.track_cache_operation(operation="set", cache="prices"):
        pass
    shown = metrics(sink)
    assert shown["cache_hits_total{cache=prices}"] == shown["cache_misses_total{cache=prices}"] == 1
    assert shown["cache_operations_total{cache=prices,operation=set,result=ok}"] == 1


def test_an_ai_call_is_counted_with_its_tokens_and_its_price(sink: CapturingSink) -> None:
    with logweir.track_ai_call(provider="anthropic", model="m-1", agent="coach", complexity="high") as call:
        call["gen_ai_usage_input_tokens"] = 120
        call["gen_ai_usage_output_tokens"] = 30
        call["gen_ai_cost_usd"] = 0.02
    shown = metrics(sink)
    assert shown["agent_calls_total{agent_type=coach,model=m-1,status=success}"] == 1
    assert shown["agent_tokens_used_total{model=m-1,provider=anthropic,token_type=input}"] == 120
    assert shown["agent_tokens_used_total{model=m-1,provider=anthropic,token_type=output}"] == 30
    assert shown["agent_cost_usd_total{model=m-1,provider=anthropic}"] == 0.02
    assert shown["agent_response_duration_seconds_count{complexity=high,model=m-1}"] == 1


def test_an_external_call_is_counted_by_target_and_status(sink: CapturingSink) -> None:
    with logweir.track_external_call(target="payments", method="POST", address="pay.example") as call:
        call["http_response_status_code"] = 402
        call["rate_limit_used_ratio"] = 0.5
    shown = metrics(sink)
    assert shown["external_api_calls_total{status=402,target=payments}"] == 1
    assert shown["external_api_rate_limit_used_ratio{target=payments}"] == 0.5
    assert (sink.events[0]["outcome"], sink.events[0]["error_type"]) == ("failure", "402")


def test_an_attempt_to_sign_in_is_counted_by_its_outcome(sink: CapturingSink) -> None:
    with logweir.track_auth_attempt(method="password") as attempt:
        attempt["outcome"] = "failure"
    assert metrics(sink)["auth_attempts_total{method=password,outcome=failure}"] == 1


def test_storage_is_counted_with_its_bytes(sink: CapturingSink) -> None:
    with logweir.track_storage_operation(operation="upload", size_bytes=10):
        pass
    with logweir.track_storage_operation(operation="upload") as upload:
        upload["size_bytes"] = 32
    shown = metrics(sink)
    assert shown["storage_operations_total{operation=upload,outcome=success}"] == 2
    assert shown["storage_bytes_total{operation=upload}"] == 42


def test_speech_is_counted_by_provider_and_its_stand_ins_are(sink: CapturingSink) -> None:
    with logweir.track_speech_request(kind="stt", provider="whisper") as request:
        request["fallback"] = True
    shown = metrics(sink)
    assert shown["speech_requests_total{kind=stt,outcome=success,provider=whisper}"] == 1
    assert shown["speech_fallbacks_total{kind=stt}"] == 1


def test_a_pipeline_is_counted_once_and_its_stages_are_timed(sink: CapturingSink) -> None:
    with logweir.track_rag_pipeline(), logweir.track_rag_pipeline(stage="retrieve"):
        pass
    shown = metrics(sink)
    assert shown["ai_pipeline_runs_total{pipeline=rag,status=success}"] == 1
    assert shown["ai_pipeline_duration_seconds_count{pipeline=rag,stage=retrieve}"] == 1
    assert shown["ai_pipeline_duration_seconds_count{pipeline=rag,stage=all}"] == 1


def test_a_document_is_counted_by_its_type(sink: CapturingSink) -> None:
    with logweir.track_document_processing(document_type="pdf") as document:
        document["document_pages"] = 12
    assert metrics(sink)["documents_processed_total{outcome=success,type=pdf}"] == 1


def test_a_slow_block_is_counted_once_and_is_a_warning(sink: CapturingSink) -> None:
    with logweir.profile_block("render", slow_seconds=1e-9):
        pass
    shown = metrics(sink)
    assert shown["code_block_duration_seconds_count{block=render}"] == 1
    assert shown["log_events_total{level=info}"] == shown["log_events_total{level=warning}"] == 1
