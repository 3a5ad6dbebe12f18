"""The document on imports knows every kind of finding."""

import re

from activities.exchange.report import Finding, FindingKind
from models.ids import GraphId
from tests.compose import ROOT


def test_every_kind_of_finding_is_explained() -> None:
    text = (ROOT / "docs" / "imports.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (yes|no) \|", text, re.MULTILINE)
    stops = {kind: Finding(kind, GraphId("g"), "").stops_run for kind in FindingKind}
    assert rows == [(kind.value, "yes" if stops[kind] else "no") for kind in FindingKind]
