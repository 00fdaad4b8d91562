"""Two small services that use Logweir, traffic for them, and a report of what became of it."""
