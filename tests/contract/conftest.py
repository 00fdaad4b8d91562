"""An application's process, as the shipper's own tests have it."""

from tests.shipper.conftest import fresh_process_state, sink

__all__ = ["fresh_process_state", "sink"]
