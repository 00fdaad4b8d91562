"""An application that counts its queries and AI calls in process, and tells of them as events too.

``python -m tests.end_to_end.both_ways SECONDS`` works for so long and then prints what it counted, as
prometheus_client exposes it: under the names and labels that the packs give to what they derive.
"""

from __future__ import annotations

import random
import sys
import threading
import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

import logweir

THREADS = 4
REGISTRY = CollectorRegistry()
QUERIES = Counter("db_queries", "q", ["query_type", "table"], registry=REGISTRY)
QUERY_SECONDS = Histogram(
    "db_query_duration_seconds",
    "q",
    ["query_type"],
    registry=REGISTRY,
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
)
CALLS = Counter("agent_calls", "c", ["agent_type", "model", "status"], registry=REGISTRY)
CALL_SECONDS = Histogram(
    "agent_call_duration_seconds",
    "c",
    ["agent_type", "model"],
    registry=REGISTRY,
    buckets=(0.5, 1, 2, 5, 10, 20, 30),
)
COST = Counter("agent_cost_usd", "c", ["provider", "model"], registry=REGISTRY)
TOKENS = Counter("agent_tokens_used", "c", ["provider", "model", "token_type"], registry=REGISTRY)


def query(dice: random.Random) -> None:
    """One statement."""
    operation, table = dice.choice(["SELECT", "INSERT", "UPDATE"]), dice.choice(["orders", "users"])
    seconds = dice.choice([0.001, 0.0011, 0.02, 0.25, 3.0])
    QUERIES.labels(operation, table).inc()
    QUERY_SECONDS.labels(operation).observe(seconds)
    logweir.emit("db.query", db_operation_name=operation, db_collection_name=table, duration_seconds=seconds)


def call(dice: random.Random) -> None:
    """One call to a model; an embedding has no output tokens, a failed call no cost."""
    model, agent = dice.choice(["small", "large"]), dice.choice(["coach", "search"])
    outcome = dice.choice(["success", "success", "failure"])
    seconds, read, written = dice.choice([0.4, 0.5, 7.5, 45.0]), dice.randrange(2000), dice.randrange(500)
    fields: dict[str, object] = {"gen_ai_usage_input_tokens": read}
    CALLS.labels(agent, model, outcome).inc()
    CALL_SECONDS.labels(agent, model).observe(seconds)
    TOKENS.labels("acme", model, "input").inc(read)
    if agent == "coach":
        fields["gen_ai_usage_output_tokens"] = written
        TOKENS.labels("acme", model, "output").inc(written)
    if outcome == "success":
        fields["gen_ai_cost_usd"] = read / 1024
        COST.labels("acme", model).inc(read / 1024)
    logweir.emit(
        "ai.call",
        gen_ai_agent_name=agent,
        gen_ai_provider_name="acme",
        gen_ai_request_model=model,
        outcome=outcome,
        duration_seconds=seconds,
        **fields,  # type: ignore[arg-type]
    )


def work(seed: int, until: float) -> None:
    """Do both again and again."""
    dice = random.Random(seed)
    while time.monotonic() < until:
        query(dice)
        call(dice)
        time.sleep(0.002)


def main() -> None:
    """Work in several threads, send what is left, and print the numbers."""
    until = time.monotonic() + float(sys.argv[1])
    threads = [threading.Thread(target=work, args=(seed, until)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logweir.flush(30)
    sys.stdout.buffer.write(generate_latest(REGISTRY))


if __name__ == "__main__":
    main()
