"""Every answer of the HTTP service's tests is one that openapi.json allows."""

import base64
import gzip
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = json.loads((ROOT / "engine/http/openapi.json").read_text(encoding="utf-8"))
METHODS = ("get", "post", "put", "patch", "delete")
# Where the head already is refused, no path is asked for.
ANYWHERE = {400, 401, 403, 404, 405, 413, 414, 417, 429, 431, 500, 503, 505}


def resolved(value):
    while isinstance(value, dict) and "$ref" in value:
        found = DOCUMENT
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def strict(schema):
    """The schema without references, and with no property besides those that it names.

    Clients must take properties they do not know; the tests must not, or the description would
    fall behind.
    """
    schema = resolved(schema)
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "allOf" in schema:
        parts = [strict(part) for part in schema["allOf"]]
        return {"type": "object", "additionalProperties": False,
                "properties": {key: value for part in parts
                               for key, value in part["properties"].items()},
                "required": [key for part in parts for key in part["required"]]}
    out = {}
    for key, value in schema.items():
        if key == "properties":
            out[key] = {name: strict(each) for name, each in value.items()}
        elif key in ("items", "anyOf", "additionalProperties"):
            out[key] = strict(value)
        else:
            out[key] = value
    if "properties" in out:
        out.setdefault("additionalProperties", False)
    return out


FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time")
def is_time(text):
    return not isinstance(text, str) or re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text) is not None


def check(schema, value):
    jsonschema.Draft202012Validator(strict(schema), format_checker=FORMATS).validate(value)


def pattern_of(path):
    return re.compile("^" + re.sub(r"\{\w+\}", "[^/]+", path).replace(".", r"\.") + "$")


PATTERNS = [(pattern_of(path), path) for path in DOCUMENT["paths"]]


def describe(method, target):
    """The path and the operation that a request is for; None for what is nowhere described."""
    path = urllib.parse.urlsplit(target).path
    for pattern, name in PATTERNS:
        if pattern.match(path):
            method = "get" if method == "HEAD" else method.lower()
            operation = DOCUMENT["paths"][name].get(method)
            return (name, operation) if operation else None
    return None


class Exchange:
    def __init__(self, line):
        record = json.loads(line)
        self.method = record["method"]
        self.target = base64.b64decode(record["target"]).decode("utf-8", "replace")
        self.request_fields = base64.b64decode(record["fields"]).decode("utf-8", "replace")
        self.sent = base64.b64decode(record["sent"])
        self.status = record["status"]
        self.fields = record["answered"]
        self.body = base64.b64decode(record["body"])
        if self.fields.get("content-encoding") == "gzip":
            self.body = gzip.decompress(self.body)

    def __str__(self):
        return f"{self.method} {self.target} -> {self.status} {self.body[:300]!r}"


def record(binary):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "exchanges")
        subprocess.run([binary, "--gtest_brief=1"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL,
                       env={**os.environ, "MAILHAUL_HTTP_RECORD": path})
        with open(path, encoding="utf-8") as file:
            return [Exchange(line) for line in file]


def check_answer(operation, exchange):
    response = operation["responses"].get(str(exchange.status))
    if response is None:
        if exchange.status < 400:
            raise AssertionError("this success is not described")
        response = operation["responses"]["default"]
    response = resolved(response)
    for name, header in response.get("headers", {}).items():
        if name.lower() not in exchange.fields:
            raise AssertionError(f"the field {name} is missing")
        schema = resolved(header)["schema"]
        if schema.get("type") == "integer":
            check(schema, int(exchange.fields[name.lower()]))
    content = response.get("content")
    kind = exchange.fields.get("content-type")
    if content is None:
        if exchange.body or kind:
            raise AssertionError("a body where none is described")
        return
    media = content.get(kind) or content.get("*/*")
    if media is None:
        raise AssertionError(f"the type {kind} is not described")
    if exchange.method == "HEAD":
        if exchange.body:
            raise AssertionError("a body for HEAD")
    elif kind.endswith("json") and "*/*" not in content:
        check(media["schema"], json.loads(exchange.body))


def check_request(operation, exchange):
    """What was accepted must be what the description lets a client send."""
    body = resolved(operation.get("requestBody"))
    if exchange.status >= 300 or body is None:
        return
    kind = re.search(r"(?im)^content-type: *([^;\r]+)", exchange.request_fields)
    kind = kind.group(1).strip().lower() if kind else "application/json"
    if kind not in body["content"]:
        raise AssertionError(f"a body of type {kind} is not described")
    if kind == "application/json":
        check(body["content"][kind]["schema"], json.loads(exchange.sent))


class DescriptionTest(unittest.TestCase):
    def test_is_sound(self):
        for name, schema in DOCUMENT["components"]["schemas"].items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)
                strict(schema)
        for item in DOCUMENT["paths"].values():
            for method in METHODS:
                for response in item.get(method, {}).get("responses", {}).values():
                    self.assertIn("description", resolved(response))

    def test_every_part_is_used(self):
        text = json.dumps(DOCUMENT)
        for kind, parts in DOCUMENT["components"].items():
            for name in parts:
                if kind != "securitySchemes":
                    self.assertIn(f'"#/components/{kind}/{name}"', text)

    def test_codes_are_those_of_the_manual(self):
        manual = (ROOT / "docs/http.md").read_text(encoding="utf-8")
        table = manual[manual.index("## Errors"):manual.index("Every answer has `Date`")]
        told = set()
        for line in table.splitlines():
            if re.match(r"\| [\d, ]+ \|", line):
                told |= set(re.findall(r"`([a-z_]+)`", line.split("|")[2]))
        described = DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
        self.assertEqual(told, set(described))


class AnswersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.exchanges = record(os.environ["HTTP_SERVICE_TEST"])

    def test_answers_are_as_described(self):
        self.assertGreater(len(self.exchanges), 300)
        for exchange in self.exchanges:
            described = describe(exchange.method, exchange.target)
            with self.subTest(str(exchange)):
                if described is None:
                    self.assertIn(exchange.status, ANYWHERE)
                    check(resolved(DOCUMENT["components"]["schemas"]["Problem"]),
                          json.loads(exchange.body))
                else:
                    check_answer(described[1], exchange)
                    check_request(described[1], exchange)

    def test_every_operation_was_seen_to_succeed(self):
        seen = set()
        for exchange in self.exchanges:
            described = describe(exchange.method, exchange.target)
            if described is not None and exchange.status < 300:
                seen.add((described[0], exchange.method.lower()))
        wanted = {(path, method) for path, item in DOCUMENT["paths"].items()
                  for method in METHODS if method in item}
        self.assertEqual(wanted - seen, set())

    def test_every_code_that_is_described_at_an_operation_was_seen(self):
        seen = set()
        for exchange in self.exchanges:
            described = describe(exchange.method, exchange.target)
            if described is not None:
                seen.add((described[0], exchange.method.lower(), str(exchange.status)))
        wanted = {(path, method, status) for path, item in DOCUMENT["paths"].items()
                  for method in METHODS
                  for status in item.get(method, {}).get("responses", {})}
        # What every operation shares is tested once, not at each.
        unseen = {entry for entry in wanted - seen
                  if entry[2] not in ("default", "401", "404", "429", "503", "507")}
        self.assertEqual(unseen, set())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
