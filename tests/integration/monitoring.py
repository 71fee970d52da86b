"""What packaging/ brings for Prometheus and Grafana, held against what /metrics says."""

import json
import pathlib
import re

import yaml

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"
SAMPLE = re.compile(r"\bmailhaul_\w+")
SELECTOR = re.compile(r"\b(mailhaul_\w+)\{([^}]*)\}")


def expressions():
    """Every query of the dashboard and of the alert rules."""
    dashboard = json.loads((PACKAGING / "grafana" / "mailhaul.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]
    rules = yaml.safe_load((PACKAGING / "prometheus" / "mailhaul.rules.yaml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]


def samples_of(metrics):
    """Names of the samples that the families of a /metrics answer can have."""
    names = set()
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", metrics, re.MULTILINE):
        suffixes = ("_bucket", "_count", "_sum") if kind == "histogram" else ("",)
        names.update(name + suffix for suffix in suffixes)
    return names


def unknown_names(metrics):
    """Samples that a query asks for and no family of `metrics` has."""
    used = {name for expression in expressions() for name in SAMPLE.findall(expression)}
    return used - samples_of(metrics)


def unknown_labels(metrics):
    """(sample, label) of a selector whose sample has other labels only."""
    known = {}
    for name, labels in re.findall(r"^(mailhaul_\w+)\{([^}]*)\}", metrics, re.MULTILINE):
        known.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return {(name, label) for expression in expressions()
            for name, labels in SELECTOR.findall(expression)
            for label in re.findall(r"(\w+)=~?", labels)
            if name in known and label not in known[name]}
