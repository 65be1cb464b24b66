"""Do the files in deploy/ fit each other? `tests/deploy.sh` calls it with a folder of built manifests, where it leaves the queries that it finds, and
perhaps with one of pages of /metrics.

Whatever is wrong is printed, a line each, and ends it with 1.
"""

import json
import re
import sys
from pathlib import Path

import kubernetes_validate
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
MADE = Path(sys.argv[1])
PAGES = Path(sys.argv[2]) if len(sys.argv) > 2 else None
# The oldest that the manifests are for, and the newest that is known.
KUBERNETES = ("1.30", "1.37")
# Kinds that are not Kubernetes' own.
FOREIGN = ("keda.sh/", "monitoring.coreos.com/", "kustomize.config.k8s.io/")
# Settings of the servers beside gmbot, and of compose.yaml itself.
OTHERS = {"POSTGRES_PASSWORD", "NATS_PASSWORD", "REDIS_PASSWORD", "TRACES_PERCENT"}

wrong = []


def check(holds, sentence):
    if not holds:
        wrong.append(sentence)


def name(path):
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


# --- Alerts, their tests and their entries in the runbook


def rules():
    return [
        rule
        for path in sorted(DEPLOY.glob("prometheus/rules/*.yml"))
        for group in documents(path)[0]["groups"]
        for rule in group["rules"]
    ]


def tested():
    """The alerts that a test fires, and those that a test shows not to fire."""
    fires, silent = set(), set()
    for path in sorted(DEPLOY.glob("prometheus/tests/*.yml")):
        for test in documents(path)[0]["tests"]:
            for case in test["promql_expr_test"]:
                alert = re.fullmatch(r'ALERTS\{alertname="(\w+)",alertstate="firing"\}', case["expr"])
                check(alert, f"{name(path)}: {test['name']}: {case['expr']} asks for no alert that fires")
                if alert:
                    (fires if case["exp_samples"] else silent).add(alert[1])
    return fires, silent


ENTRY = re.compile(
    r"\*(?P<severity>page|ticket)\.\* .+?\n\n\*\*Query\*\*\n\n```promql\n(?P<queries>.+?)\n```\n\n"
    r"\*\*Likely causes\*\*\n\n(- .+?\n)+\n\*\*First steps\*\*\n\n1\. .+?\n2\. .+?\n3\. .+",
    re.DOTALL,
)


def runbook():
    """The entries by alert: severity and queries."""
    found = {}
    for part in re.split(r"^### ", (DEPLOY / "RUNBOOK.md").read_text(), flags=re.MULTILINE)[1:]:
        title, text = part.split("\n", 1)
        entry = ENTRY.match(re.split(r"^## ", text, flags=re.MULTILINE)[0].strip())
        check(entry, f"RUNBOOK.md: {title} is not in the form: severity, query, likely causes, three first steps")
        if entry:
            found[title] = entry
    return found


def alerts(all_rules, entries):
    fires, silent = tested()
    known = {rule["alert"] for rule in all_rules if "alert" in rule}
    for rule in all_rules:
        if "alert" not in rule:
            continue
        alert, notes = rule["alert"], rule.get("annotations", {})
        severity = rule.get("labels", {}).get("severity")
        check(severity in ("page", "ticket"), f"{alert}: its severity is neither page nor ticket")
        check(set(notes) == {"summary", "description", "runbook_url"}, f"{alert}: it needs summary, description and runbook_url")
        check(notes.get("runbook_url", "").endswith("#" + alert.lower()), f"{alert}: runbook_url leads to another entry")
        check(alert in fires, f"{alert}: no test fires it")
        check(alert in silent, f"{alert}: no test shows when it does not fire")
        check(alert in entries, f"{alert}: the runbook has no entry for it")
        if alert in entries:
            check(entries[alert]["severity"] == severity, f"{alert}: the runbook names another severity")
    for other in (fires | silent | set(entries)) - known:
        wrong.append(f"{other}: tested or in the runbook, and no alert")
    silenced = re.findall(r'alertname=~?"([^"]+)"', (DEPLOY / "alertmanager/alertmanager.yml").read_text())
    for pattern in (one for several in silenced for one in several.split("|")):
        check(any(re.fullmatch(pattern, alert) for alert in known), f"alertmanager.yml: there is no alert {pattern}")


# --- Dashboards


def dashboards():
    """Their queries, with the place of each."""
    sources = {source["uid"]: source for source in documents(DEPLOY / "grafana/provisioning/datasources/datasources.yaml")[0]["datasources"]}
    for to in sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]:
        check(to["datasourceUid"] in sources, f"datasources.yaml: exemplars lead to {to['datasourceUid']}, which is not there")
    queries = []
    for path in sorted(DEPLOY.glob("grafana/dashboards/*.json")):
        board = json.loads(path.read_text())
        check(board["uid"] == f"gmbot-{path.stem}", f"{path.name}: its uid is not gmbot-{path.stem}")
        ids = [panel["id"] for panel in board["panels"]]
        check(len(ids) == len(set(ids)), f"{path.name}: two panels have the same id")
        for panel in (panel for panel in board["panels"] if panel["type"] != "row"):
            where = f"{path.name}: {panel['title']}"
            check(panel["datasource"]["uid"] in sources, f"{where}: its data source is not provisioned")
            check(panel["fieldConfig"]["defaults"].get("unit"), f"{where}: it has no unit")
            queries += [(where, target["expr"]) for target in panel["targets"]]
    return queries


def all_queries(all_rules, entries):
    """Leaves them for promtool, and looks whether what they take from recording rules is there."""
    queries = dashboards()
    for alert, entry in entries.items():
        queries += [(f"RUNBOOK.md: {alert}", line) for line in entry["queries"].splitlines()]
    recorded = {rule["record"] for rule in all_rules if "record" in rule}
    used = queries + [(rule.get("alert") or rule["record"], rule["expr"]) for rule in all_rules]
    for where, query in used:
        for missing in set(re.findall(r"gmbot:\w+:\w+", query)) - recorded:
            wrong.append(f"{where}: no rule records {missing}")
    text = [{"record": f"query_{number}", "expr": query.replace("$__rate_interval", "5m")} for number, (_, query) in enumerate(queries)]
    if PAGES:
        metrics(used)
    (MADE / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": text}]}))


# --- Metrics of running programs

# What is no name of a metric in a query: texts, labels in braces, ranges, lists of labels; then functions, numbers and words of the language.
LABELS = re.compile(r'#.*|"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)')
WORDS = re.compile(r"\b\w+\s*\(|\b[0-9.]+\w*|\b(?:and|or|unless|bool|offset)\b")


def metrics(used):
    """All that queries name is shown by some program, from its start on, in a form that a strict reader takes."""
    shown = {"up", "ALERTS"}
    for page in sorted(PAGES.glob("*.openmetrics")):
        for family in text_string_to_metric_families(page.read_text()):
            check(family.documentation, f"{page.name}: {family.name} has no help")
            suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "info": ["_info"]}.get(family.type, [""])
            shown |= {family.name + suffix for suffix in suffixes}
    check(len(shown) > 10, f"{PAGES}: there is no page of /metrics in it")
    for where, query in used:
        for metric in set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", WORDS.sub(" ", LABELS.sub(" ", query)))):
            check(metric in shown or metric.startswith(("gmbot:", "otelcol_")), f"{where}: no program shows {metric}")


# --- Kubernetes


def manifests():
    for path in sorted([*DEPLOY.glob("kubernetes/**/*.yaml"), *MADE.glob("*.yaml")]):
        for document in documents(path):
            if document["apiVersion"].startswith(FOREIGN):
                continue
            where = f"{name(path)}: {document['kind']} {document['metadata']['name']}"
            for version in KUBERNETES:
                try:
                    kubernetes_validate.validate(document, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    wrong.append(f"{where}: {'.'.join(map(str, error.path))}: {error.message} (Kubernetes {version})")
            if document["kind"] in ("Deployment", "StatefulSet", "Job"):
                restricted(where, document["spec"]["template"]["spec"])
    for path in sorted(DEPLOY.glob("kubernetes/**/kustomization.yaml")):
        for other in documents(path)[0].get("resources", []) + documents(path)[0].get("components", []):
            check((path.parent / other).exists(), f"{name(path)}: {other} is not there")


def restricted(where, pod):
    context = pod.get("securityContext", {})
    check(context.get("runAsNonRoot") is True, f"{where}: may run as root")
    check(context.get("seccompProfile") == {"type": "RuntimeDefault"}, f"{where}: has no seccomp profile")
    for container in pod["containers"]:
        allowed = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        check(container.get("securityContext") == allowed, f"{where}: {container['name']} may do more than it needs")
        resources = container.get("resources", {})
        check("memory" in resources.get("limits", {}) and "cpu" in resources.get("requests", {}), f"{where}: {container['name']} has no resources")


# --- Settings, versions and times that are the same everywhere


def settings(path):
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if line and not line.startswith("#"))


def agreement():
    known = set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE)) | OTHERS
    files = [DEPLOY / "demo.env", DEPLOY / ".env.example", DEPLOY / "kubernetes/base/gmbot.env"]
    for path in files:
        for setting in set(settings(path)) - known:
            wrong.append(f"{name(path)}: no program has the setting {setting}")
    compose = documents(DEPLOY / "compose.yaml")[0]["services"]
    images = {service["image"] for service in compose.values() if not service["image"].startswith("gmbot/")}
    for path in DEPLOY.glob("kubernetes/**/*.yaml"):
        for image in re.findall(r"image: (\S+:\S+)", path.read_text()):
            check(image in images, f"{name(path)}: compose.yaml has another version of {image}")
    tests_with = re.search(r"^nats_version=(.+)$", (ROOT / "tests/install.sh").read_text(), re.MULTILINE)[1]
    check(compose["nats"]["image"] == f"nats:{tests_with}-alpine", f"compose.yaml: the tests run with NATS {tests_with}")

    # A program drains, and then sends its last traces for up to three seconds.
    needs = int(settings(DEPLOY / "demo.env")["DRAIN_SECONDS"]) + 3
    check(settings(DEPLOY / "kubernetes/base/gmbot.env")["DRAIN_SECONDS"] == settings(DEPLOY / "demo.env")["DRAIN_SECONDS"], "DRAIN_SECONDS differs")
    for program in ("gateway", "worker"):
        check(int(compose[program]["stop_grace_period"].rstrip("s")) > needs, f"compose.yaml: {program} is killed before it has drained")
        pod = documents(DEPLOY / f"kubernetes/base/{program}.yaml")[0]["spec"]["template"]["spec"]
        before = pod["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        check(pod.get("terminationGracePeriodSeconds", 30) > before + needs, f"{program}.yaml: it is killed before it has drained")
    for path in DEPLOY.glob("systemd/*.service"):
        stop = re.search(r"^TimeoutStopSec=(\d+)$", path.read_text(), re.MULTILINE)
        check("oneshot" in path.read_text() or (stop and int(stop[1]) > needs), f"{path.name}: it is killed before it has drained")


def collector():
    config = documents(DEPLOY / "otel-collector.yaml")[0]
    for pipeline in config["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            for missing in set(names) - set(config[kind]):
                wrong.append(f"otel-collector.yaml: {kind} has no {missing}")


all_rules, entries = rules(), runbook()
alerts(all_rules, entries)
all_queries(all_rules, entries)
manifests()
agreement()
collector()
for sentence in wrong:
    print(sentence)
count = sum("alert" in rule for rule in all_rules)
print(f"{count} alerts, {len(wrong)} faults")
sys.exit(bool(wrong))
