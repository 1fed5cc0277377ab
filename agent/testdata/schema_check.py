"""Checks JSON lines against JSON Schema files.

usage: schema_check.py EVENT_SCHEMA STATE_SCHEMA < lines

A line is {"topic": ..., "payload": ...}; what is published below machine/ is a
state, everything else an event. Each fault is one line of output.
"""
import json
import sys

from jsonschema import Draft202012Validator


def validator(path):
    with open(path) as f:
        schema = json.load(f)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def main(event_schema, state_schema):
    event, state = validator(event_schema), validator(state_schema)
    for line in sys.stdin:
        m = json.loads(line)
        v = state if "/machine/" in m["topic"] else event
        for e in v.iter_errors(m["payload"]):
            print("%s: %s: %s" % (m["topic"], "/".join(map(str, e.absolute_path)), e.message))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
