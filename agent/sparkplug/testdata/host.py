#!/usr/bin/python3
"""A small host application of Sparkplug B that checks what edge nodes publish.

    host.py HOST PORT        subscribes to spBv1.0/# and prints each message, decoded, as a line of JSON
    host.py HOST PORT text   the same as lines for people
    host.py -                the same as JSON, of lines "TOPIC QOS RETAIN HEX" on standard input

Lines on standard input, beside a broker:

    rebirth GROUP NODE       asks a node for a rebirth
    publish TOPIC HEX        publishes anything

The member "faults" of a line says what breaks the specification (Eclipse Sparkplug 3.0.0).
It needs Debian's python3-protobuf and, beside a broker, python3-paho-mqtt. The schema below is
written from the specification, and not from the program that is tested.
"""
import json
import sys
import time

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# Numbers and types of the fields that edge nodes use (section 6.4).
U32, U64, I, BOOL, TEXT, FLOAT, DOUBLE, BYTES = 13, 4, 4, 8, 9, 2, 1, 12
SCHEMA = {
    "PropertyValue": [("type", 1, U32), ("is_null", 2, BOOL), ("int_value", 3, U32, "value"), ("long_value", 4, U64, "value"), ("float_value", 5, FLOAT, "value"),
                      ("double_value", 6, DOUBLE, "value"), ("boolean_value", 7, BOOL, "value"), ("string_value", 8, TEXT, "value")],
    "PropertySet": [("keys", 1, TEXT, "many"), ("values", 2, "PropertyValue", "many")],
    "Metric": [("name", 1, TEXT), ("alias", 2, U64), ("timestamp", 3, U64), ("datatype", 4, U32), ("is_historical", 5, BOOL), ("is_transient", 6, BOOL), ("is_null", 7, BOOL),
               ("properties", 9, "PropertySet"), ("int_value", 10, U32, "value"), ("long_value", 11, U64, "value"), ("float_value", 12, FLOAT, "value"), ("double_value", 13, DOUBLE, "value"),
               ("boolean_value", 14, BOOL, "value"), ("string_value", 15, TEXT, "value"), ("bytes_value", 16, BYTES, "value")],
    "Payload": [("timestamp", 1, U64), ("metrics", 2, "Metric", "many"), ("seq", 3, U64), ("uuid", 4, TEXT), ("body", 5, BYTES)],
}
TYPES = {1: "Int8", 2: "Int16", 3: "Int32", 4: "Int64", 5: "UInt8", 6: "UInt16", 7: "UInt32", 8: "UInt64", 9: "Float", 10: "Double", 11: "Boolean", 12: "String", 13: "DateTime", 14: "Text"}
FIELDS = {"Int32": "int_value", "Int64": "long_value", "UInt64": "long_value", "Float": "float_value", "Double": "double_value", "Boolean": "boolean_value", "String": "string_value"}
REBIRTH = "Node Control/Rebirth"


def classes():
    f = descriptor_pb2.FileDescriptorProto(name="sparkplug.proto", package="spb", syntax="proto2")
    for name, fields in SCHEMA.items():
        m = f.message_type.add(name=name)
        for field, number, kind, *more in fields:
            d = m.field.add(name=field, number=number, label=3 if "many" in more else 1)
            if isinstance(kind, str):
                d.type, d.type_name = 11, ".spb." + kind
            else:
                d.type = kind
            if "value" in more:
                if not m.oneof_decl:
                    m.oneof_decl.add(name="value")
                d.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(f)
    get = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    return get(pool.FindMessageTypeByName("spb.Payload"))


Payload = classes()


class Node:
    def __init__(self):
        self.alive = False
        self.seq = self.bdseq = None
        self.renewed = True  # a connection has ended since the newest birth
        self.aliases = {}  # alias -> (device, name, type)
        self.devices = set()


class Host:
    def __init__(self):
        self.nodes = {}

    def take(self, topic, payload, qos, retain):
        faults = []
        fault = faults.append
        parts = topic.split("/")
        if len(parts) not in (4, 5) or parts[0] != "spBv1.0":
            return {"topic": topic, "faults": ["topic"]}
        _, group, kind, name, *device = parts
        device = device[0] if device else ""
        out = {"topic": topic, "kind": kind, "device": device, "qos": qos}
        if kind in ("NCMD", "DCMD", "STATE"):
            return out | {"faults": []}
        if kind not in ("NBIRTH", "NDEATH", "NDATA", "DBIRTH", "DDEATH", "DDATA") or (kind[0] == "D") != (device != ""):
            return out | {"faults": ["unknown kind of message"]}
        if retain:
            fault("retained")
        if qos != (1 if kind == "NDEATH" else 0):
            fault("QoS %d" % qos)
        p = Payload()
        try:
            p.ParseFromString(payload)
        except Exception as e:
            return out | {"faults": faults + ["no payload: %s" % e]}
        p.DiscardUnknownFields()
        if p.SerializeToString() != payload:
            fault("unknown fields, or not as protobuf writes it")
        node = self.nodes.setdefault((group, name), Node())
        out["seq"] = p.seq if p.HasField("seq") else None
        out["timestamp"] = p.timestamp
        if not p.HasField("timestamp"):
            fault("no timestamp")
        getattr(self, kind)(node, device, p, fault)
        out["metrics"] = [self.metric(node, device, kind, m, fault) for m in p.metrics]
        if kind == "NDEATH" and node.bdseq is not None and any(m.get("name") == "bdSeq" and m["value"] == node.bdseq for m in out["metrics"]):
            node.alive, node.renewed = False, True
            node.devices.clear()
        return out | {"alive": node.alive, "faults": faults}

    def follows(self, node, p, fault):
        if not node.alive:
            fault("before a birth, or after the death")
        want = None if node.seq is None else (node.seq + 1) % 256
        if not p.HasField("seq") or p.seq != want:
            fault("seq %s, want %s" % (p.seq if p.HasField("seq") else None, want))
        node.seq = p.seq

    def NBIRTH(self, node, device, p, fault):
        if not p.HasField("seq") or p.seq != 0:
            fault("seq is not 0")
        bd = [m for m in p.metrics if m.name == "bdSeq"]
        if len(bd) != 1 or bd[0].datatype != 4:
            return fault("no bdSeq")
        bd = bd[0].long_value
        if node.bdseq is not None and bd != (node.bdseq + node.renewed) % 256:
            fault("bdSeq %d after %d, connection renewed: %s" % (bd, node.bdseq, node.renewed))
        again = [m for m in p.metrics if m.name == REBIRTH]
        if len(again) != 1 or again[0].datatype != 11 or again[0].WhichOneof("value") != "boolean_value" or again[0].boolean_value or again[0].HasField("alias"):
            fault("no " + REBIRTH)
        node.alive, node.renewed, node.seq, node.bdseq = True, False, 0, bd
        node.aliases, node.devices = {}, set()

    def NDEATH(self, node, device, p, fault):
        if p.HasField("seq"):
            fault("an NDEATH with a seq")
        if [m.name for m in p.metrics] != ["bdSeq"]:
            fault("want bdSeq alone")

    def NDATA(self, node, device, p, fault):
        self.follows(node, p, fault)

    def DBIRTH(self, node, device, p, fault):
        self.follows(node, p, fault)
        node.devices.add(device)
        node.aliases = {a: x for a, x in node.aliases.items() if x[0] != device}

    def DDATA(self, node, device, p, fault):
        self.follows(node, p, fault)
        if device not in node.devices:
            fault("the device has no birth")
        if not p.metrics:
            fault("no metrics")

    def DDEATH(self, node, device, p, fault):
        self.follows(node, p, fault)
        if device not in node.devices:
            fault("the device has no birth")
        node.devices.discard(device)

    def metric(self, node, device, kind, m, fault):
        birth = kind.endswith("BIRTH")
        out = {}
        if birth or kind == "NDEATH":
            out["name"], known = m.name, TYPES.get(m.datatype)
            if not m.name or not known:
                fault("a metric without name or type")
            if birth and m.name != REBIRTH:
                if not m.HasField("alias") or m.alias in node.aliases:
                    fault("%s: alias %d is missing or not unique" % (m.name, m.alias))
                node.aliases[m.alias] = (device, m.name, known)
        else:
            of, out["name"], known = node.aliases.get(m.alias, (None, "?", None))
            if m.HasField("name") or m.HasField("datatype") or of != device:
                fault("alias %d: name, type or unknown alias" % m.alias)
        out["type"] = known
        if not m.HasField("timestamp") or m.timestamp < 946684800000:
            fault("%s: time %d" % (out["name"], m.timestamp))
        which = m.WhichOneof("value")
        if m.is_null != (which is None) or which and FIELDS.get(known) != which:
            fault("%s: %s, null %s" % (out["name"], which, m.is_null))
        out["value"] = getattr(m, which) if which else None
        out["timestamp"] = m.timestamp
        if len(m.properties.keys) != len(m.properties.values):
            fault("%s: keys and values of the properties" % out["name"])
        for k, v in zip(m.properties.keys, m.properties.values):
            if k == "Quality" and (v.type != 3 or v.WhichOneof("value") != "int_value" or v.int_value not in (0, 192, 500)):
                fault("%s: quality" % out["name"])
            out[k] = getattr(v, v.WhichOneof("value"))
        return out


def text(out):
    if "subscribed" in out:
        return "subscribed"
    line = out["topic"][len("spBv1.0/"):] + (" seq %s" % out["seq"] if out.get("seq") is not None else "")
    for m in out.get("metrics", []):
        line += "\n    %s = %s" % (m["name"], m["value"])
        line += " " + m["engUnit"] if "engUnit" in m else ""
        line += "  quality %d" % m["Quality"] if "Quality" in m else ""
    return line + "".join("\n    FAULT: " + f for f in out.get("faults", []))


def main():
    host = Host()

    def show(out):
        print(text(out) if sys.argv[3:] == ["text"] else json.dumps(out, ensure_ascii=False), flush=True)

    if sys.argv[1:] == ["-"]:
        for line in sys.stdin:
            *topic, qos, retain, payload = line.rstrip("\n").split(" ")
            show(host.take(" ".join(topic), bytes.fromhex(payload), int(qos), retain == "1"))
        return
    import paho.mqtt.client as mqtt

    try:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION1)
    except AttributeError:
        client = mqtt.Client()
    client.on_connect = lambda c, *_: c.subscribe("spBv1.0/#", 1)
    client.on_subscribe = lambda *_: show({"subscribed": True})
    client.on_disconnect = lambda *_: host.nodes.clear()  # what happens meanwhile is not heard
    client.on_message = lambda c, _, m: show(host.take(m.topic, m.payload, m.qos, m.retain))
    client.reconnect_delay_set(1, 1)
    client.connect(sys.argv[1], int(sys.argv[2]))
    client.loop_start()
    for line in sys.stdin:
        verb, rest = line.rstrip("\n").split(" ", 1)
        if verb == "rebirth":
            group, name = rest.rsplit(" ", 1)
            p = Payload(timestamp=int(time.time() * 1000))
            p.metrics.add(name=REBIRTH, datatype=11, boolean_value=True)
            client.publish("spBv1.0/%s/NCMD/%s" % (group, name), p.SerializeToString(), 0)
        elif verb == "publish":
            topic, payload = rest.rsplit(" ", 1)
            client.publish(topic, bytes.fromhex(payload), 0)
    while True:  # standard input is at its end: only listen
        time.sleep(60)


main()
