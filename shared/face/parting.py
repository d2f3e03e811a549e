"""The last answer on a connection whose client is still sending."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PATIENCE_SECONDS: Final = 5.0
"""How long a client may go on sending what nobody keeps."""


class PartingResponse(Response):
    """An answer after which everything that still comes is thrown away, and the connection is closed.

    A connection that is closed on a client in the middle of a body is reset, and the answer is lost with it;
    so the client is let finish for a while, and reads why it was refused.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, listen for a while without keeping anything, and end."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                    pass
        except TimeoutError:
            pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})
