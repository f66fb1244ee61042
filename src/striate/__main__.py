"""``python -m striate``, which torchrun needs."""

from striate.cli.main import main

if __name__ == "__main__":
    main()
