"""A story told: its rows in order and nested, its error first; for terminals, pages and programs."""
