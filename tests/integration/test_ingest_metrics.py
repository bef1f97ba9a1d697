"""A real scrape: what promtool would say of it, and whether dashboard, alarms and documentation speak of it."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "daemon/monitoring/grafana-dashboard.json"
ALERTS = ROOT / "daemon/monitoring/alerts.yml"

# All that a label of ours may be called, and how many values each may have at most.
LABELS = {"reason": 20, "sqlstate_class": 20, "version": 1}
OF_PROMETHEUS = {"job", "instance"}


@pytest.fixture
def scrape(run_daemon):
    """The families of a running daemon's /metrics, by the names of their samples' families."""
    daemon = run_daemon()

    def read():
        with urllib.request.urlopen(daemon.metrics + "/metrics", timeout=5) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            text = answer.read().decode()
        return list(text_string_to_metric_families(text))

    return read


def samples(families) -> dict[str, list]:
    found: dict[str, list] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def lint(family) -> list[str]:
    """What `promtool check metrics` complains about, and a little more."""
    name, kind = family.name, family.type
    words = set(name.split("_"))
    rules = {
        "no HELP": not family.documentation.strip(),
        "no TYPE": kind not in {"counter", "gauge", "histogram"},
        "not snake_case": not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name),
        "no prefix": not name.startswith(("godot_", "process_")),
        "its type in its name": words & {"counter", "gauge", "histogram", "summary"},
        "an abbreviated unit": words & {"s", "ms", "us", "ns", "sec", "b", "kb", "mb", "m", "h", "d"},
        "no base unit": words & {"milliseconds", "microseconds", "minutes", "hours", "days", "kilobytes", "megabytes", "percent"},
        "a unit that is no suffix": words & {"seconds", "bytes"} and not name.endswith(("_seconds", "_bytes")),
        "counter without _total": kind == "counter"
        and not all(sample.name == f"{name}_total" for sample in family.samples),
        "_total, but no counter": kind != "counter" and name.endswith("_total"),
        "a reserved suffix": name.endswith(("_count", "_sum", "_bucket", "_created")),
    }  # fmt: skip
    return [f"{name}: {what}" for what, wrong in rules.items() if wrong]


def test_a_scrape_is_what_prometheus_wants(scrape):
    families = [family for family in scrape() if family.name != "godot_build_info"]
    assert [complaint for family in families for complaint in lint(family)] == []
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    for name, all_of_it in samples(families).items():
        keys = [tuple(sorted(sample.labels.items())) for sample in all_of_it]
        assert len(keys) == len(set(keys)), f"{name} has a series twice"


def test_histograms_are_complete(scrape):
    histograms = [family for family in scrape() if family.type == "histogram"]
    assert len(histograms) == 4
    for family in histograms:
        by_name = samples([family])
        buckets = by_name[f"{family.name}_bucket"]
        bounds = [float(sample.labels["le"]) for sample in buckets]
        assert bounds == sorted(bounds)
        assert bounds[-1] == float("inf")
        assert [sample.value for sample in buckets] == sorted(sample.value for sample in buckets)
        assert buckets[-1].value == by_name[f"{family.name}_count"][0].value


def test_labels_have_few_values_whatever_is_logged(scrape, client, query, make_record, eventually):
    client.lpush("logs:queue", *(make_record(trace_id=f"{n:032x}", component=f"c{n}") for n in range(100)))
    client.lpush("logs:queue", *(b"no record %d" % n for n in range(50)))
    client.hset("logs:dropped", mapping={f"made up {n}": 1 for n in range(500)} | {"queue_full": 7})
    eventually(lambda: query("select count(*) from logs") == 100)
    eventually(lambda: query("select count(*) from dead_letters") == 50)
    families = scrape()
    for name, all_of_it in samples(families).items():
        labels = {label for sample in all_of_it for label in sample.labels} - {"le"}
        assert labels <= set(LABELS), name
        for label in labels:
            assert len({sample.labels[label] for sample in all_of_it}) <= LABELS[label], name
    dropped = {s.labels["reason"]: s.value for s in samples(families)["godot_records_dropped_total"]}
    assert dropped == {"queue_full": 7, "other": 500}


def test_counters_start_at_zero_with_the_labels_that_alarms_need(scrape):
    counters = [
        family for family in scrape() if family.type == "counter" and family.name.startswith("godot_")
    ]
    assert len(counters) >= 8
    for family in counters:
        assert family.samples, f"{family.name} is not there before its first increase"
        assert {sample.value for sample in family.samples} == {0.0}, family.name


def test_the_limit_of_the_queue_follows_the_settings(run_daemon, env):
    daemon = run_daemon(env={**env, "GODOT_QUEUE_MAX": "777"})
    with urllib.request.urlopen(daemon.metrics + "/metrics", timeout=5) as answer:
        assert "godot_queue_limit_records 777.0" in answer.read().decode().splitlines()


# What is built upon these metrics

NOT_METRICS = {
    *("sum", "max", "min", "avg", "count", "rate", "increase", "histogram_quantile", "time", "absent"),
    *("by", "on", "and", "or", "unless", "without", "ignoring", "group_left", "group_right", "bool", "label_values"),
}  # fmt: skip
GROUPING = re.compile(r"\b(by|on|without|ignoring)\s*\(([^)]*)\)")
MATCHERS = re.compile(r"\{([^}]*)\}")


def used(expression: str) -> tuple[set[str], set[str]]:
    """The metrics and the labels that a PromQL expression names."""
    labels = {name.strip() for _, names in GROUPING.findall(expression) for name in names.split(",")}
    labels |= {
        name for inside in MATCHERS.findall(expression) for name in re.findall(r"(\w+)\s*[=!]", inside)
    }
    bare = GROUPING.sub(r"\1", MATCHERS.sub("", expression))
    bare = re.sub(r"\[[^\]]*\]", "", bare)
    return set(re.findall(r"\b[a-z_][a-z0-9_]*\b", bare)) - NOT_METRICS, labels - {""}


def test_expressions_are_taken_apart():
    text = 'histogram_quantile(0.9, sum by (le) (rate(a_bucket{job=~"$job", x!="y"}[5m]))) and on (b) c > 1e6'
    assert used(text) == ({"a_bucket", "c"}, {"le", "job", "x", "b"})


def panels() -> list[dict]:
    return json.loads(DASHBOARD.read_text())["panels"]


def alerts() -> list[dict]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def expressions() -> dict[str, str]:
    found = {
        f"panel {panel['title']}, {target['refId']}": target["expr"]
        for panel in panels()
        for target in panel["targets"]
    }
    return found | {f"alarm {rule['alert']}": rule["expr"] for rule in alerts()}


def test_dashboard_and_alarms_use_what_there_is(scrape):
    there = samples(scrape())
    for where, expression in expressions().items():
        names, labels = used(expression)
        assert names, where
        assert names <= set(there), f"{where}: {names - set(there)}"
        known = OF_PROMETHEUS.union(*(sample.labels for name in names for sample in there[name]))
        assert labels <= known, f"{where}: {labels - known}"
        assert expression.count("(") == expression.count(")"), where
        for name in names:
            counted = re.search(rf"\b(rate|increase)\(\s*{name}\b", expression)
            assert bool(counted) == name.endswith(("_total", "_bucket", "_sum", "_count")), f"{where}: {name}"


def test_the_documentation_names_every_metric_and_no_other(scrape):
    there = {family.name + "_total" * (family.type == "counter") for family in scrape()}
    ours = {name for name in there if name.startswith("godot_")}
    section = (ROOT / "daemon/README.md").read_text().partition("## Metrics")[2].partition("\n## ")[0]
    assert set(re.findall(r"\bgodot_\w+", section)) == ours


def test_the_dashboard_is_one_that_grafana_reads():
    dashboard = json.loads(DASHBOARD.read_text())
    assert {"title", "uid", "schemaVersion", "templating", "panels"} <= set(dashboard)
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", DASHBOARD.read_text())) - {"__rate_interval", "__all"} == variables
    identifiers = [panel["id"] for panel in panels()]
    assert len(identifiers) == len(set(identifiers))
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        assert panel["description"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies over another panel"
        taken |= cells
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def test_every_alarm_says_what_happened_and_the_page_what_to_do():
    rules = alerts()
    page = (ROOT / "docs/monitoring.md").read_text()
    for rule in rules:
        assert {"summary", "description"} == set(rule["annotations"]), rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert re.fullmatch(r"\d+m", rule.get("for", "1m"))
        assert f"`{rule['alert']}`" in page, f"docs/monitoring.md says nothing about {rule['alert']}"
    names = [rule["alert"] for rule in rules]
    assert len(names) == len(set(names))
    assert set(re.findall(r"`(Godot[A-Z]\w+)`", page)) == set(names)
