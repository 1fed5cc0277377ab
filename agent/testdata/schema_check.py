"""Checks JSON lines against JSON Schema files.

usage: schema_check.py EVENT_SCHEMA STATE_SCHEMA TELEMETRY_SCHEMA HEALTH_SCHEMA < lines

A line is {"topic": ..., "payload": ...}; what is published below machine/ is a
state, below telemetry/ telemetry, on health the health, everything else an event.
Each fault is one line of output.
"""
import json
import sys

from jsonschema import Draft202012Validator


def validator(path):
    with open(path) as f:
        schema = json.load(f)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def main(event, state, telemetry, health):
    event, state, telemetry, health = map(validator, (event, state, telemetry, health))
    for line in sys.stdin:
        m = json.loads(line)
        topic = m["topic"]
        v = state if "/machine/" in topic else telemetry if "/telemetry/" in topic else health if topic.endswith("/health") else event
        for e in v.iter_errors(m["payload"]):
            print("%s: %s: %s" % (topic, "/".join(map(str, e.absolute_path)), e.message))


if __name__ == "__main__":
    main(*sys.argv[1:])
