"""A process that has everything imported and forks itself for every command: ``mggc`` without the seconds of imports.

Reads a JSON list of arguments from each line of stdin; answers with the process's id, and, when that has ended, with its
exit status as ``os.waitpid`` tells it.
"""

import json
import os
import signal
import sys

import mggc.cli.running  # noqa: F401  # with it come PyTorch and all stages
from mggc.cli import main


def answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


# Where tests run in the background, SIGINT may come ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
for line in sys.stdin:
    process = os.fork()
    if process == 0:
        code = 0
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # stdout is for answers here
        try:
            main(json.loads(line))
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            sys.stderr.flush()
            os._exit(code)
    answer(process)
    answer(os.waitpid(process, 0)[1])
