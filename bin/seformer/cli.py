"""The command `seformer`: one subcommand per stage."""

from __future__ import annotations

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # until `main` takes over, nothing is there that would have to be taken back or said
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import errno
import os
import re
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

import seformer
from seformer.util.errors import UserError, visible

TYPE_CHECKING = False  # `typing` itself takes time that a signal may come in
if TYPE_CHECKING:
    from typing import Any

    import typer

# command line order is the way of the data; each module in `commands` defines one function
COMMANDS = (
    "simulate",
    "init",
    "index",
    "call",
    "extract",
    "split",
    "pretrain",
    "finetune-head",
    "finetune-full",
    "calibrate",
    "baselines",
    "evaluate",
    "ensemble",
    "pool",
    "transfer",
    "judge",
    "agree",
    "pack",
    "unpack",
    "predict",
    "merge-predictions",
    "explain",
    "merge-attributions",
    "faithfulness",
    "motifs",
    "modisco",
    "dissect",
    "cut-variants",
    "variants",
    "merge-variants",
    "report",
    "models",
)
# 137 is what a container's memory limit gives, so that a scheduler retries with more; 75 (try
# again later, in sysexits.h) is retried with smaller batches
OUT_OF_MEMORY = ("Out of memory. What to do: give the task more memory or a smaller batch.", 137)
OUT_OF_GPU_MEMORY = (
    "Out of GPU memory. What to do: a smaller batch (--batch-tokens; in the pipeline --batch_tokens"
    " and --explain_batch_tokens).",
    75,
)
MAKE_ROOM = " What to do: make room on the disk, and run it again."
# how numpy says that not all was written; it gives no number
CUT_SHORT = "requested and"
HIDDEN = re.compile(r"/\.([^/]+?)\.staging-.*", re.S)
MORE_FILES = " What to do: allow more open files, with: ulimit -n 1024"
ADVICE = dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), MAKE_ROOM) | dict.fromkeys(
    (errno.EMFILE, errno.ENFILE), MORE_FILES
)
# how often a thread looks for work before it sleeps. OpenMP's own 300,000 is a time slice burnt at
# every operation wherever other programs want the processors too: two threads are then five times
# slower than one. So few cost a machine of one's own nothing that can be measured
SPINS = "10000"
# oneDNN keeps code for so many shapes of a layer's input, and the layers of one batch share a few.
# Its own 1,024, some of a megabyte, would grow with every batch of another length
SHAPES = "16"


def build_app() -> typer.Typer:
    """Assemble the application; the commands' heavy imports happen when they run."""
    import importlib
    import inspect

    import typer

    app = typer.Typer(
        name="seformer",
        help=seformer.__doc__,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"max_content_width": 100},
    )

    @app.callback()
    def common(
        version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    ) -> None:
        if version:
            typer.echo(f"seformer {seformer.__version__}")
            raise typer.Exit()

    for name in COMMANDS:
        module = importlib.import_module(f"seformer.commands.{name.replace('-', '_')}")
        if isinstance(module.command, typer.Typer):
            app.add_typer(module.command, name=name)
        else:
            # rich keeps the ends of a docstring's lines, which are longer than many terminals
            paragraphs = (inspect.getdoc(module.command) or "").split("\n\n")
            text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
            app.command(name, help=text)(module.command)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a user's mistake is one message and exit code 2, never a traceback."""
    # stage 2 has a handler of its own for the time of its training
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # what a shell or nohup has its commands ignore, they ignore
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _stopped)
    _open_closed_streams()
    # before torch is imported: its libraries read these once
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", SHAPES)
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if "--version" in arguments[:1]:
        arguments = ["--version", "models"]
    # no option of its own: its column in the help would take the letters of the others' names
    arguments = ["--help" if word == "-h" else word for word in arguments]
    try:
        _require_readable_names(arguments)
        from seformer.util import logs

        logs.set_up(verbose=bool(os.environ.get("SEFORMER_DEBUG")))
        status = build_app()(args=list(arguments), standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        _fail(str(error), 2)
    except KeyboardInterrupt:
        _fail("Stopped.", 130)
    except MemoryError:
        _fail(*OUT_OF_MEMORY)
    except RuntimeError as error:
        # torch is not imported for every command: its errors are known by their names
        if type(error).__name__ == "OutOfMemoryError":
            _fail(*OUT_OF_GPU_MEMORY)
        if "DefaultCPUAllocator: can't allocate memory" in str(error):
            _fail(*OUT_OF_MEMORY)
        _end_for_typer(error)
    except BrokenPipeError:
        # whoever read the output has gone, and wants no more
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        # files of libraries that are closed late would say it all over
        sys.unraisablehook = sys.excepthook = lambda *_: None
        if CUT_SHORT in str(error):
            _fail(f"a file that is being made cannot be written to its end.{MAKE_ROOM}", 1)
        if error.errno is None or os.environ.get("SEFORMER_DEBUG"):
            sys.unraisablehook, sys.excepthook = sys.__unraisablehook__, sys.__excepthook__
            raise
        # people know the folder they gave, not the hidden one in which it is made
        place = HIDDEN.sub(r"/\1", f"{error.filename}") + ": " if error.filename else ""
        _fail(visible(f"{place}{error.strerror}.{ADVICE.get(error.errno, '')}"), 1)
    except UnicodeEncodeError as error:
        if error.reason != "surrogates not allowed":
            raise
        _fail(str(_unreadable(error.object)), 2)
    except ImportError as error:
        # few open files or little memory; a module that is not there is a fault of the set-up
        if isinstance(error, ModuleNotFoundError) or os.environ.get("SEFORMER_DEBUG"):
            raise
        _fail(f"a library cannot be loaded ({str(error).splitlines()[0]}).", 1)
    except Exception as error:
        _end_for_typer(error)
    sys.exit(status if isinstance(status, int) else 0)


def _end_for_typer(error: Any) -> None:
    """End as typer would. Its exceptions are click's, or those of its own copy of click."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "ClickException" in kinds:
        # what pydantic puts before the words of a choice says nothing to people
        error.message = error.message.replace(": Value error, ", ": ").removeprefix("Value error, ")
        if "unexpected extra argument" in error.message:
            error.message += (
                ". What to do: give an option one value, in quotes where the shell makes several"
                " of it; repeat an option that takes several, or put commas between names"
            )
        error.show()
        sys.exit(error.exit_code)
    if "Abort" in kinds:
        _fail("Stopped.", 130)
    raise error


def _stopped(number: int, frame: object) -> None:
    """End for a signal. What is unfinished goes first, if anything can have been begun."""
    if (atomic := sys.modules.get("seformer.util.atomic")) and hasattr(atomic, "end_at_once"):
        atomic.end_at_once(number, frame)
    if number == signal.SIGINT:
        with suppress(OSError):
            os.write(2, b"seformer: error: Stopped.\n")
    os._exit(128 + number)


def _open_closed_streams() -> None:
    """Give closed standard streams (``2>&-``) to nobody, so that no file of ours gets their number.

    Nothing that is said there would be more than lost.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            # the lowest number that is free
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))


def _require_readable_names(arguments: Sequence[str]) -> None:
    """Refuse names that cannot be written into tables: htslib and others fail on them midway."""
    try:
        here = os.getcwd()
    except FileNotFoundError as error:
        raise UserError("the current folder is gone", do="cd to one that is there") from error
    for text in (*arguments, here):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise _unreadable(text) from error


def _unreadable(name: str) -> UserError:
    return UserError(
        f"the name {name!r} is not UTF-8",
        expected="names of files and folders in UTF-8",
        do="rename it, for instance with: convmv",
    )


def _fail(message: str, code: int) -> None:
    import logging

    with suppress(OSError):
        logging.getLogger("seformer").debug("stopped", exc_info=True)
        sys.stderr.write(f"seformer: error: {message}\n")
        sys.stderr.flush()
    sys.exit(code)


if __name__ == "__main__":
    main()
