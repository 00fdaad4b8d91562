"""The database of the example services: one helper that all queries go through, so that each is an event."""

from __future__ import annotations

import asyncio
import sqlite3

import logweir

Row = sqlite3.Row


class Database:
    """SQLite in memory, filled by `schema`, asked in threads so that no query holds up the others."""

    def __init__(self, schema: str) -> None:
        self._connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript(schema)
        self._lock = asyncio.Lock()

    async def query(self, operation: str, table: str, sql: str, *parameters: object) -> list[Row]:
        """The rows of one statement, which does `operation` on `table`."""
        with logweir.event(
            "db.query", db_system_name="sqlite", db_operation_name=operation, db_collection_name=table
        ) as query:
            async with self._lock:
                rows = await asyncio.to_thread(self._fetch, sql, parameters)
            query["db_rows"] = len(rows)
            return rows

    def _fetch(self, sql: str, parameters: tuple[object, ...]) -> list[Row]:
        return self._connection.execute(sql, parameters).fetchall()
