"""Serve AWS on a free port of the loopback interface: ``python -m lab.aws_api``.

It prints the endpoint as the first line of standard output, once the account is seeded.
"""

from importlib import import_module

from lab.running.aws_session import read_plainly


def main() -> None:
    """Serve until the process ends."""
    read_plainly()
    # moto reads the description of EC2 three times when it is imported, and that takes half of a lab's start.
    import_module("lab.aws_api.server").serve()


if __name__ == "__main__":
    main()
