from __future__ import annotations

import pytest

from logweir_service.rules import load

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
external_api_calls_total{target,status}
external_api_duration_seconds{target}
external_api_rate_limit_used_ratio{target}
errors_total{error_type,component}
""".split()

BUCKETS = {
    "http_request_duration_seconds": (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    "db_query_duration_seconds": (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
    "external_api_duration_seconds": (0.1, 0.25, 0.5, 1, 2.5, 5, 10),
}


def test_the_packs_hold_the_catalogue_and_nothing_else() -> None:
    rules = load(["packs"]).metrics
    shown = [f"{rule.name}{{{','.join(label.name for label in rule.labels[2:])}}}" for rule in rules]
    assert sorted(shown) == sorted(CATALOGUE)
    assert all([label.name for label in rule.labels[:2]] == ["service", "environment"] for rule in rules)
    assert {rule.name: rule.buckets for rule in rules if rule.name in BUCKETS} == BUCKETS


@pytest.mark.parametrize("pack", ["http", "errors", "database", "cache", "external"])
def test_each_pack_stands_alone(pack: str) -> None:
    assert load([f"packs/{pack}"]).metrics


def test_the_errors_pack_brings_the_standard_promotion() -> None:
    (rule,) = load(["packs"]).promote
    assert rule.when.source({"level": "info"}) is False
    assert rule.when.source({"level": "critical"}) is True
