"""`python -m unheard` is `unheard`."""

from unheard.cli import main

if __name__ == "__main__":
    main()
