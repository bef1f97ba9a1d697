"""Run notebooks in clean kernels and keep their outputs: `python notebooks/record.py [NOTEBOOK …]`.

Live widget views are left out: without their kernel they are an error message, and what stands beside them, a static
picture, is shown instead. The picture of a cell gets the `alt` text of the cell's metadata.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import start_new_kernel

HERE = Path(__file__).parent
DEADLINE = 120  # seconds for a cell


def main(paths: list[Path]) -> None:
    for path in paths or sorted(HERE.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        record(notebook)
        nbformat.write(notebook, path)
        print(f"recorded {path.name}")


def record(notebook: Any) -> None:
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(HERE))
    try:
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for number, cell in enumerate(cells, 1):
            cell.outputs = run(client, cell)
            cell.execution_count = number
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(client: Any, cell: Any) -> list[Any]:
    outputs: list[Any] = []

    def keep(message: Any) -> None:
        if message["msg_type"] in {"stream", "display_data", "execute_result", "error"}:
            outputs.append(tidied(nbformat.v4.output_from_msg(message), cell.metadata.get("alt", "")))

    reply = client.execute_interactive(cell.source, output_hook=keep, timeout=DEADLINE)
    if reply["content"]["status"] != "ok":
        raise SystemExit(f"{cell.source}\n\n{reply['content']['ename']}: {reply['content']['evalue']}")
    return outputs


def tidied(output: Any, alt: str) -> Any:
    data = output.get("data", {})
    data.pop("application/vnd.jupyter.widget-view+json", None)
    if "image/png" in data and alt:
        output.metadata["image/png"] = {"alt": alt}
    return output


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
