"""`python -m service_kit.embedded.setup`: bring what the embedded servers need (60 MB, once)."""

import sys

from service_kit.embedded.jars import JarsError, bring_jars
from service_kit.embedded.java import java


def main() -> None:
    """Make the jars whole and say where they and Java are."""
    try:
        print(f"jars {bring_jars()}\njava {java()}")
    except JarsError as error:
        sys.exit(f"paceline: {error}")


if __name__ == "__main__":
    main()
