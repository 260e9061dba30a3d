"""Names in the package: one meaning each, and understood at sight."""

from __future__ import annotations

import ast
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "bin" / "seformer"
MODULES = [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py"))]
# one interface: the same function of every module of a folder
INTERFACES = {
    "command": "commands/*.py",  # what a subcommand does
    "sections": "report/sections/*.py",  # what a module draws on the report's page
}
# the same thing by another way in
DOORS = {"load_model": ["__init__.py", "model/folder.py"]}
# networks are written down with the names that their authors gave to the parts
NETWORKS = "model/backbones/*.py"
# names that say nothing to somebody who has not read the file
UNCLEAR = {
    "ahead", "blocks", "checked", "contributions", "explained", "extracted", "frozen", "letters",
    "loci", "measure", "misc", "shares", "store", "trained", "utils",
}  # fmt: skip


def test_a_public_name_has_one_meaning():
    places = defaultdict(list)
    for module in MODULES:
        for node in ast.parse((PACKAGE / module).read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module.as_posix())
    twice = {
        name: modules
        for name, modules in places.items()
        if len(modules) > 1
        and not all(fnmatch(module, INTERFACES.get(name, NETWORKS)) for module in modules)
        and modules != DOORS.get(name)
    }
    assert not twice, f"rename or make private: {twice}"


def test_names_of_modules_say_what_is_inside():
    assert not {module.stem for module in MODULES} & UNCLEAR
