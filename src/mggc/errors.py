"""The one error that a user can act on."""


class MggcError(Exception):
    """Something wrong with the user's files, flags or machine.

    The message is one line: what was wanted, what was found, what to do. The command line prints it and exits with
    code 2; a caller from Python may catch it.
    """
