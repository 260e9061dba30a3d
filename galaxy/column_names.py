"""Tell Galaxy the columns of result tables: `column_names.py OUTPUT=TABLE... > galaxy.json`."""

import json
import sys

found = {}
for pair in sys.argv[1:]:
    output, _, path = pair.partition("=")
    with open(path, encoding="utf-8") as table:
        # ROSE's tables begin with comments
        names = next(line for line in table if line[0] != "#").rstrip("\n").split("\t")
    found[output] = {"metadata": {"column_names": names}}
print(json.dumps(found))
