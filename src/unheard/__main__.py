"""Run the command line with `python -m unheard`."""

from unheard.cli import main

if __name__ == "__main__":
    main()
