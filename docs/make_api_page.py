#!/usr/bin/env python3
"""posthornd openapi | docs/make_api_page.py >docs/api.md: the API's document as a page to read."""

import json
import sys

INTRODUCTION = """\
# The API

Made by `docs/make_api_page.py` from what `posthornd openapi` prints, which is what a server answers to
`GET /api/v1/openapi.json`: OpenAPI 3.1, for generators of clients and for tools. How it compares with the
public Svix API is in [compatibility.md](compatibility.md).

- **Base.** Every path stands below `/api/v1`, with or without a slash at its end. Bodies and answers are JSON.
- **Tokens.** `Authorization: Bearer …`: an organisation's token (`posthornd token` prints one), or one of a single
  application (`POST /auth/app-portal-access/{app}`), for which other applications do not exist.
- **Names.** `{app}`, `{endpoint}` and `{msg}` take the id, or the `uid` (of a message the `eventId`) that you gave.
- **Repeating.** A POST with an `Idempotency-Key` does at most once what it says, whichever server it reaches; the
  same key with another body is refused (422), while the first is under way too (409). What was accepted once stays so:
  its repetition gets the first answer, though the event type's schema is another one by now or its `deliverAt` has come.
- **Lists** come in pages of `limit` items. `iterator` of a page asks for the next one, `prevIterator` for the one
  before; `done` says that nothing follows. A page may be short, even empty, and not the last.
- **Fields** that are not known are ignored. PUT replaces, and makes what is not there; PATCH changes what is given.
- **Errors** have a body: `code` and `detail`, or for 422 a list that says where and what. 429 and 503 say with
  `Retry-After` when to try again.
"""
METHODS = ("get", "post", "put", "patch", "delete")
BOUNDS = (("minimum", "maximum", ""), ("minLength", "maxLength", " characters"),
          ("minItems", "maxItems", " items"), ("maxProperties", "maxProperties", " members at most"))


def follow(document, value):
    while "$ref" in value:
        at = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            at = at[step]
        value = at
    return value


def name_of(reference):
    return reference["$ref"].rsplit("/", 1)[1]


def code(value):
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def span(schema):
    for low, high, unit in BOUNDS:
        if low == high:
            if high in schema:
                yield f"{schema[high]}{unit}"
        elif low in schema and high in schema:
            yield f"{schema[low]} to {schema[high]}{unit}"
        elif low in schema and schema[low] > 0:
            yield f"{schema[low]}{unit} or more"
        elif high in schema:
            yield f"{schema[high]}{unit} at most"


def words(schema):
    """What kind of value it is."""
    if "$ref" in schema:
        return f"[{name_of(schema)}](#{name_of(schema).lower()})"
    if "const" in schema:
        return code(schema["const"])
    if "enum" in schema:
        return ", ".join(code(value) for value in schema["enum"])
    if "anyOf" in schema and "type" not in schema:
        return " or ".join(words(each) for each in schema["anyOf"])
    types = schema.get("type", "anything")
    types = types if isinstance(types, list) else [types]
    said = []
    for kind in types:
        if kind == "array" and "items" in schema:
            said.append(f"list of {words(schema['items'])}")
        elif kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            said.append(f"object of {words(schema['additionalProperties'])}")
        elif kind == "string" and schema.get("format"):
            said.append(schema["format"])
        else:
            said.append(kind)
    return ", ".join([" or ".join(said), *span(schema)])


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(heads, rows):
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(cell(each) for each in row) + " |"
    yield ""


def meaning(schema):
    said = [schema["description"]] if "description" in schema else []
    if "default" in schema:
        said.append(f"By itself {code(schema['default'])}.")
    return " ".join(said)


def content_of(body):
    return ", ".join(words(one["schema"]) + ("" if kind == "application/json" else f" (`{kind}`)")
                     for kind, one in body.get("content", {}).items())


def operation(document, method, path, op):
    yield f"### {op['summary']}"
    yield ""
    yield f"`{method.upper()} {path}`"
    yield ""
    yield f"{op['description']} (`{op['operationId']}`)"
    yield ""
    rows = []
    for reference in op.get("parameters", []):
        parameter = follow(document, reference)
        schema = parameter["schema"]
        said = f"{parameter.get('description', '')} {meaning(follow(document, schema))}".strip()
        if parameter["in"] == "query":
            rows.append((f"`{parameter['name']}`", words(schema), said))
    if rows:
        yield from table(("query", "is", "means"), rows)
    if "requestBody" in op:
        may = "" if op["requestBody"]["required"] else ", or nothing"
        yield f"Body: {content_of(op['requestBody'])}{may}"
        yield ""
    good = [f"{status} {content_of(answer)}".strip() for status, answer in op["responses"].items()
            if "$ref" not in answer]
    bad = [status for status, answer in op["responses"].items() if "$ref" in answer]
    yield "Answers: " + "; ".join(good) + (f"; errors {', '.join(bad)}" if bad else "")
    yield ""


def fields(schema):
    required = schema.get("required", [])
    for name, one in schema.get("properties", {}).items():
        yield f"`{name}`", words(one), "yes" if name in required else "", meaning(one)


def described(name, schema):
    yield f"### {name}"
    yield ""
    if "description" in schema:
        yield schema["description"]
        yield ""
    parts = schema.get("allOf", [schema])
    for part in parts:
        if "$ref" in part:
            yield f"All of {words(part)}, and:"
            yield ""
        elif "properties" in part:
            yield from table(("field", "is", "always there", "means"), fields(part))
        elif part.get("required"):
            yield "Required: " + ", ".join(f"`{field}`" for field in part["required"])
            yield ""
    if "properties" not in schema and "allOf" not in schema:
        yield f"Is: {words(schema)}"
        yield ""
    examples = schema.get("examples", [schema["example"]] if "example" in schema else [])
    for example in examples:
        yield "```json"
        yield json.dumps(example, ensure_ascii=False, indent=None if len(str(example)) < 100 else 2)
        yield "```"
        yield ""


def page(document):
    yield INTRODUCTION
    yield from table(("error", "means"), (
        (status, follow(document, answer)["description"])
        for status, answer in document["components"]["responses"].items()))
    for tag in (each["name"] for each in document["tags"]):
        yield f"## {tag}"
        yield ""
        for path, item in document["paths"].items():
            for method in METHODS:
                if tag in item.get(method, {}).get("tags", []):
                    yield from operation(document, method, path, item[method])
    yield "## Webhooks"
    yield ""
    yield "What is sent to those who watch over deliveries ([operations.md](operations.md))."
    yield ""
    yield from table(("type", "means", "body"), (
        (f"`{name}`", item["post"]["summary"], content_of(item["post"]["requestBody"]))
        for name, item in document["webhooks"].items()))
    yield "## Schemas"
    yield ""
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield from described(name, schema)


if __name__ == "__main__":
    print("\n".join(page(json.load(sys.stdin))).rstrip())
