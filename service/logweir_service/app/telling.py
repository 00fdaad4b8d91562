"""The status of a running service, in the forms in which it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from logweir_service.errors import OperatorError, Refusal
from logweir_service.status import Line, Status, encode_status, lines
from logweir_service.status.live import status_of_service

from .composition import Service


@dataclass(frozen=True, slots=True)
class Told:
    """A status."""

    status: Status

    def json(self) -> bytes:
        """All of it."""
        return encode_status(self.status)

    def lines(self) -> Sequence[Line]:
        """Its sum in words; what has trouble comes first."""
        return lines(self.status)


async def tell(service: Service) -> Told:
    """Where the service stands now.

    Raises:
        Refusal: 503, where its folder cannot be read.
    """
    try:
        return Told(
            await status_of_service(
                service.pipeline,
                service.promotion,
                sentry=service.sentry,
                why_not_ready=service.why_not_ready(),
                hour=service.hour,
            )
        )
    except (OSError, OperatorError) as fault:
        message = f"the data folder cannot be read: {fault}"
        raise Refusal(503, "storage_error", message, retry_after_seconds=5) from None
