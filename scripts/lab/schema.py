# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Holds objects that negwatch wrote against scripts/schema/negwatch.schema.json, and allows no key that is not in it."""
import functools
import json
import os

try:
    import jsonschema
except ImportError:  # the demo does without; the tests see to it that it is there
    jsonschema = None

PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "schema", "negwatch.schema.json")


def _strict(node):
    """The schema ships open, since keys are added; what this version writes has to be in it."""
    if isinstance(node, dict):
        for value in node.values():
            _strict(value)
        if node.get("type") == "object" and "properties" in node:
            node["additionalProperties"] = False
    elif isinstance(node, list):
        for value in node:
            _strict(value)


@functools.lru_cache(maxsize=None)
def _definitions():
    with open(PATH, encoding="utf-8") as file:
        definitions = json.load(file)["$defs"]
    _strict(definitions)
    return definitions


@functools.lru_cache(maxsize=None)
def _validator(kind):
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": _definitions()})


@functools.lru_cache(maxsize=4096)
def _complaints(kind, text):
    found = []
    for error in _validator(kind).iter_errors(json.loads(text)):
        where = "/".join(map(str, error.absolute_path))
        found.append(f"schema of {kind}: {where or 'the object'}: {error.message[:300]}")
    return tuple(found)


def available():
    return jsonschema is not None


def complaints(kind, value):
    """What is wrong with an object of the kind (a name in $defs), as lines for people; empty if nothing is."""
    return _complaints(kind, json.dumps(value, sort_keys=True)) if jsonschema else ()


def kinds():
    return set(_definitions())
