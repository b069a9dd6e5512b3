"""`python -m hub` is `barcast`."""

from hub.cli import main

if __name__ == "__main__":
    main()
