"""``python -m logweir_service`` is the command ``logweir``."""

from .cli import main

main()
