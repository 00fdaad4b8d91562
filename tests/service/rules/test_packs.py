from __future__ import annotations

import re
from pathlib import Path

import pytest

from logweir_service.rules import MetricRule, load

ROOT = Path(__file__).parents[3]

CATALOGUE = """
http_requests_total{method,endpoint,status}
http_request_duration_seconds{method,endpoint}
http_errors_total{method,endpoint,error_type}
http_requests_in_progress{instance_id}
http_request_queue_depth{instance_id}
http_slow_requests_total{endpoint}
db_queries_total{query_type,table}
db_query_duration_seconds{query_type}
db_connection_pool_size{instance_id}
db_connection_pool_available{instance_id}
db_connections_active{instance_id}
db_size_bytes{}
cache_operations_total{cache,operation,result}
cache_hits_total{cache}
cache_misses_total{cache}
cache_operation_duration_seconds{operation}
cache_size_bytes{cache}
ai_pipeline_duration_seconds{pipeline,stage}
ai_pipeline_runs_total{pipeline,status}
agent_calls_total{agent_type,model,status}
agent_call_duration_seconds{agent_type,model}
agent_tokens_used_total{provider,model,token_type}
agent_cost_usd_total{provider,model}
agent_response_duration_seconds{model,complexity}
telegram_messages_total{message_type,status}
telegram_message_duration_seconds{message_type}
bot_commands_total{command}
bot_handler_errors_total{handler,error_type}
external_api_calls_total{target,status}
external_api_duration_seconds{target}
external_api_rate_limit_used_ratio{target}
errors_total{error_type,component}
active_users{window}
auth_attempts_total{method,outcome}
storage_operations_total{operation,outcome}
storage_bytes_total{operation}
storage_operation_duration_seconds{operation}
speech_requests_total{kind,provider,outcome}
speech_fallbacks_total{kind}
speech_request_duration_seconds{kind,provider}
documents_processed_total{type,outcome}
document_processing_duration_seconds{type}
media_analyzed_total{kind,confidence_level}
media_analysis_duration_seconds{kind}
jobs_in_progress{job_name}
job_duration_seconds{job_name,outcome}
jobs_total{job_name,outcome}
tool_calls_total{tool,outcome}
tool_call_duration_seconds{tool}
code_block_duration_seconds{block}
dependency_up{dependency,instance_id}
dependency_latency_seconds{dependency}
system_cpu_usage_ratio{instance_id}
system_memory_usage_ratio{instance_id}
system_disk_usage_ratio{mount,instance_id}
system_disk_read_bytes_total{instance_id}
system_disk_written_bytes_total{instance_id}
system_network_receive_bytes_total{instance_id}
system_network_transmit_bytes_total{instance_id}
app_process_cpu_usage_ratio{instance_id}
app_process_memory_bytes{instance_id}
app_process_open_fds{instance_id}
log_events_total{level}
""".split()

COMPAT = """
api_requests_total{method,endpoint,status}
api_request_duration_seconds{method,endpoint}
telegram_commands_total{command}
telegram_errors_total{handler,error_type}
claude_requests_total{model,status}
claude_request_duration_seconds{model}
claude_tokens_used_total{model,token_type}
claude_cost_usd_total{model}
db_pool_size{state}
""".split()

BUCKETS = {
    "http_request_duration_seconds": (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    "db_query_duration_seconds": (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
    "agent_call_duration_seconds": (0.5, 1, 2, 5, 10, 20, 30),
    "telegram_message_duration_seconds": (0.1, 0.5, 1, 2, 5, 10, 30),
    "external_api_duration_seconds": (0.1, 0.25, 0.5, 1, 2.5, 5, 10),
}

PACKS = sorted(file.stem for file in (ROOT / "service/logweir_service/packs").glob("*.yaml"))


def shown(rule: MetricRule) -> str:
    """A metric as the catalogue writes it: `service` and `environment` are on all."""
    names = [label.name for label in rule.labels]
    assert names[:2] == ["service", "environment"]
    window = ["window"] if rule.distinct else []
    return f"{rule.name}{{{','.join(names[2:] + window)}}}"


def test_the_packs_hold_the_catalogue_and_nothing_else() -> None:
    rules = load(["packs"]).metrics
    assert sorted(map(shown, rules)) == sorted(CATALOGUE)
    assert {rule.name: rule.buckets for rule in rules if rule.name in BUCKETS} == BUCKETS


def test_other_spellings_are_left_out_unless_they_are_asked_for() -> None:
    with_compat = load(["packs", "packs/compat"]).metrics
    assert sorted(map(shown, with_compat)) == sorted(CATALOGUE + COMPAT)


@pytest.mark.parametrize("pack", PACKS)
def test_each_pack_stands_alone_and_its_tests_name_each_of_its_metrics(pack: str) -> None:
    rules = load([f"packs/{pack}"])
    tests = (ROOT / "tests" / "rules" / f"{pack}_test.yaml").read_text()
    named = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"^ +(\w+)\{", tests, re.M)}
    assert {rule.name for rule in rules.metrics} <= named


def test_the_gauges_of_an_instance_are_forgotten_when_it_is_silent_and_nothing_else_is() -> None:
    rules = load(["packs"]).metrics
    gauges = {rule.name for rule in rules if rule.type == "gauge" and rule.value is not None}
    assert {rule.name for rule in rules if rule.expire_seconds == 300} - gauges == {
        "system_disk_read_bytes_total",
        "system_disk_written_bytes_total",
        "system_network_receive_bytes_total",
        "system_network_transmit_bytes_total",
    }
    assert {rule.expire_seconds for rule in rules if rule.name in gauges} == {300}


def test_the_errors_pack_brings_the_standard_promotion() -> None:
    (rule,) = load(["packs"]).promote
    assert rule.when.source({"level": "info"}) is False
    assert rule.when.source({"level": "critical"}) is True
