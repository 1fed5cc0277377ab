#!/bin/bash
# Validates the bills of materials in dist/release by the schema of CycloneDX, which
# comes from npm on the first run.
set -euo pipefail
cd "$(dirname "$0")/../.."
schema=.build/cyclonedx/package/res/schema
if [ ! -d $schema ]; then
	command -v npm >/dev/null || scripts/setup.sh npm
	mkdir -p .build/cyclonedx
	(cd .build/cyclonedx && npm pack --silent @cyclonedx/cyclonedx-library@10.3.0 >/dev/null && tar -xzf cyclonedx-*.tgz)
fi
scripts/setup.sh python3-jsonschema
python3 -W ignore - $schema dist/release/*.cdx.json <<'PY'
import json, os, sys
import jsonschema

folder, files = sys.argv[1], sys.argv[2:]
load = lambda n: json.load(open(os.path.join(folder, n)))
schema = load("bom-1.6.SNAPSHOT.schema.json")
base = schema["$id"].rsplit("/", 1)[0] + "/"
store = {base + n.replace(".SNAPSHOT", e): load(n) for n in ("spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json") for e in ("", ".SNAPSHOT")}
check = jsonschema.Draft7Validator(schema, resolver=jsonschema.RefResolver(schema["$id"], schema, store=store))
for name in files:
    bom = json.load(open(name))
    check.validate(bom)
    broken = dict(bom, components=[{"type": "library"}])
    assert not check.is_valid(broken), "the schema takes a component without a name"
    print("CycloneDX 1.6:", os.path.basename(name), len(bom["components"]), "components")
assert files
PY
