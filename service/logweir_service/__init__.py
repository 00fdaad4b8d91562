"""Logweir's ingest service: events in, metrics, Sentry issues and stories out."""
