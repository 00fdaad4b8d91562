"""Results as JUnit's XML, which every CI reads."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Final
from xml.etree import ElementTree

from .running import Outcome

_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def junit(outcomes: Iterable[Outcome]) -> bytes:
    """The XML of test runs, a suite for each run of one file."""
    root = ElementTree.Element("testsuites")
    for file, group in groupby(outcomes, key=lambda outcome: outcome.file):
        several = [*group]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_clean(file),
            tests=str(len(several)),
            failures=str(sum(bool(outcome.failures) for outcome in several)),
            errors="0",
            time=f"{sum(outcome.seconds for outcome in several):.3f}",
        )
        for outcome in several:
            _add_case(suite, outcome)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _add_case(suite: ElementTree.Element, outcome: Outcome) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_clean(outcome.file),
        name=_clean(outcome.case.name),
        time=f"{outcome.seconds:.3f}",
    )
    if outcome.failures:
        message = "; ".join(failure.title for failure in outcome.failures)
        failed = ElementTree.SubElement(case, "failure", message=_clean(message))
        failed.text = _clean(
            "\n".join(
                "\n".join([f"{failure.place}: {failure.title}", *failure.lines])
                for failure in outcome.failures
            )
        )


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
