from __future__ import annotations

import asyncio
import re
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from logweir_service.expose import refuse_alike
from logweir_service.expose.pages import Pages, static_route, story_page
from tests.service.expose.chapters import first_chapter


def application() -> FastAPI:
    app, pages = FastAPI(openapi_url=None), Pages(version="0.0")
    app.include_router(static_route(pages.static))
    app.include_router(
        story_page(pages, lambda: None, first_chapter(lambda _, limit: []), journal=UUID(int=7))
    )
    refuse_alike(app, pages)
    return app


def get(path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(application())
        async with httpx.AsyncClient(transport=transport, base_url="http://logweir") as client:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, headers=given)

    return asyncio.run(ask())


def named(page: str) -> list[str]:
    return re.findall(r'(?:href|src)="(/static/[^"]+)"', page)


def test_everything_that_a_page_names_is_there_for_good_and_of_the_right_type():
    urls = named(get("/c/1").text)
    assert {url[url.rindex(".") :] for url in urls} == {".css", ".js", ".svg"}
    for url in urls:
        answer = get(url)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].startswith(("text/css", "text/javascript", "image/svg+xml"))
        assert answer.headers["x-content-type-options"] == "nosniff"
        again = get(url, if_none_match=answer.headers["etag"])
        assert (again.status_code, again.content) == (304, b"")


def test_a_file_under_the_name_of_an_older_version_is_not_kept():
    name = next(url for url in named(get("/c/1").text) if url.endswith(".css")).rpartition("/")[2]
    answer = get(f"/static/0123456789abcdef/{name}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize("name", ["nothing.css", "..", "%2e%2e%2fpage.py", "__init__.py"])
def test_nothing_else_can_be_had(name):
    assert get(f"/static/0/{name}").status_code == 404


def test_a_page_allows_nothing_but_its_own_and_is_kept_nowhere():
    answer = get("/c/1")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_browser_reads_a_refusal_as_a_page_and_a_program_as_json():
    page = get("/nowhere", accept="text/html,*/*;q=0.8")
    assert (page.status_code, "<h1>Nothing here</h1>" in page.text) == (404, True)
    assert "content-security-policy" in page.headers
    assert get("/nowhere").json()["error"] == "not_found"
    assert get("/v1/nowhere", accept="text/html").json()["error"] == "not_found"


def test_browsers_find_an_icon_where_a_page_names_none():
    answer = get("/favicon.ico")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
