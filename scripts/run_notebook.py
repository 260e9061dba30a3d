#!/usr/bin/env python3
"""Runs a notebook from top to bottom and writes its results into it, without Jupyter.

    scripts/run_notebook.py NOTEBOOK            run it and keep the results
    scripts/run_notebook.py --check NOTEBOOK    only run it

Needs the environment of scripts/setup.sh (.venv/bin/python scripts/run_notebook.py …).
"""

import ast
import base64
import contextlib
import io
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bin"))
os.environ["MPLBACKEND"] = "agg"


def run_cell(source: str, names: dict) -> list[dict]:
    """Run one cell; returns its outputs as a notebook stores them."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    outputs = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": printed.getvalue()})
    pictures = figures()
    if value is not None and not pictures:
        data = {"text/plain": repr(value)}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = value._repr_html_()
        outputs.append(
            {"output_type": "execute_result", "metadata": {}, "data": data, "execution_count": None}
        )
    return outputs + pictures


def figures() -> list[dict]:
    """Take the open figures of matplotlib, if it is in use."""
    if "matplotlib.pyplot" not in sys.modules:
        return []
    plt = sys.modules["matplotlib.pyplot"]
    outputs = []
    for number in plt.get_fignums():
        picture = io.BytesIO()
        plt.figure(number).savefig(picture, format="png", dpi=80, bbox_inches="tight")
        data = {"image/png": base64.b64encode(picture.getvalue()).decode() + "\n"}
        outputs.append({"output_type": "display_data", "metadata": {}, "data": data})
    plt.close("all")
    return outputs


def main(path: Path, check: bool) -> None:
    path = path.resolve()
    notebook = json.loads(path.read_text(encoding="utf-8"))
    os.chdir(path.parent)
    names: dict = {"__name__": "__main__"}
    number = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            number += 1
            cell["outputs"] = run_cell("".join(cell["source"]), names)
            cell["execution_count"] = number
    if not check:
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[-1]), "--check" in sys.argv)
