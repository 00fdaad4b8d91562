"""The door for Flask: the WSGI middleware, which is told of the exceptions that Flask answers with a 500."""

from __future__ import annotations

from typing import Any, TypeVar

import flask

from logweir.request import SERVED, Request
from logweir.wsgi import Middleware, werkzeug_route

Application = TypeVar("Application", bound=flask.Flask)


def instrument(app: Application, **options: Any) -> Application:
    """Put the middleware around all that `app` does: ``logweir.flask.instrument(app)``.

    An exception that no error handler of the application takes makes the request's event an error. `options`
    are the middleware's.
    """
    app.wsgi_app = Middleware(app.wsgi_app, **options)  # type: ignore[method-assign]  # as Flask's docs do it
    flask.got_request_exception.connect(_note, app)
    return app


def _note(sender: flask.Flask, *, exception: BaseException, **_: Any) -> None:  # noqa: ARG001 - the signal's
    served = flask.request.environ.get(SERVED)
    if isinstance(served, Request):
        served.error = exception
        served.route = served.route or werkzeug_route(flask.request.environ)
