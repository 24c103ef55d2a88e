# SPDX-License-Identifier: MIT
"""docs/operations.md and the alerts: every metric that exists is told, and nothing else."""
import re

import pytest
import yaml
from support.prometheus import Page
from support.service import SOURCE, Service, wait_for

TEXT = (SOURCE / "docs" / "operations.md").read_text()
RULES = yaml.safe_load((SOURCE / "deploy" / "prometheus" / "serapis.rules.yml").read_text())["groups"][0]["rules"]


def table(heading):
    """The rows of the table whose head begins with this cell."""
    part = TEXT.split("| %s |" % heading)[1].split("\n\n")[0]
    return [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in part.splitlines()[2:]]


METRICS = {row[0].strip("`"): re.findall(r"`(\w+)`", row[1]) for row in table("metric")}


def declared():
    """Name → labels, out of the program's table."""
    source = (SOURCE / "src" / "base" / "metrics.c").read_text()
    rows = re.search(r"} rows\[\] = \{\n(.*?)\n\};", source, re.S)[1]
    out = {}
    for name, rest in re.findall(r'\[SP_M_\w+\] = \{\s*"(\w+)"(.*?)(?=\[SP_M_|\Z)', rows, re.S):
        labels = re.search(r"\{([^{}]*)\}\s*\},?\s*$", rest.strip())[1]
        out[name] = re.findall(r'"(\w+)"', labels)
    return out


def test_every_metric_is_in_the_table_with_its_labels():
    assert len(METRICS) == 18 and METRICS == declared()


def test_a_page_has_no_other(tmp_path):
    with Service() as s:
        s.eval("ruby", code="puts 1")
        p = wait_for(lambda: (lambda p: p if "serapis_http_requests_total" in p.kinds else None)(Page(s.get("/metrics").text)), 30, "a request")
        assert set(p.kinds) <= set(METRICS)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r["alert"])
def test_alert(rule):
    """It is built of metrics and labels that exist, and the page says what to do."""
    names = re.findall(r"\b(serapis_\w+)(?:\{([^}]*)\})?", rule["expr"])
    assert names
    for name, matchers in names:
        metric = name if name in METRICS else re.sub("_(bucket|sum|count)$", "", name)
        assert metric in METRICS, name
        for label, value in re.findall(r'(\w+)(?:=|!=|=~|!~)"([^"]*)"', matchers):
            assert label in METRICS[metric], (name, label)
    for label in re.findall(r"\{\{ \$labels\.(\w+) \}\}", rule["annotations"]["summary"]):
        by = re.search(r"by \(([\w, ]+)\)", rule["expr"])
        assert label in (by[1].split(", ") if by else ["instance"]), "the sum has no such label any more"
    assert any(rule["alert"] in row[0].split(", ") for row in table("alert"))


def test_no_alert_is_told_that_does_not_exist():
    assert {a for row in table("alert") for a in row[0].split(", ")} == {r["alert"] for r in RULES}
