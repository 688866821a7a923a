"""Write the manual pages and completion scripts into the checkout, or tell which are out of date.

``python -m dcmtools.cli._generate [--check]``
"""

import sys
from pathlib import Path

from dcmtools.cli._completions import scripts
from dcmtools.cli._manual import pages
from dcmtools.cli._tree import program
from dcmtools.errors import ExitCode

CHECKOUT = Path(__file__).parents[2]


def wanted() -> dict[Path, str]:
    """Make all generated files: the content by the path within the checkout."""
    group = program()
    manual = {Path("man", name): text for name, text in pages(group).items()}
    return manual | {Path("completions", name): text for name, text in scripts(group).items()}


def outdated(root: Path) -> list[Path]:
    """List the files below a folder that are missing, differ or should not be there, sorted."""
    files = wanted()
    found = {path.relative_to(root) for path in root.glob("man/*.1")}
    found |= {path.relative_to(root) for path in root.glob("completions/*")}
    differing = {path for path, text in files.items() if _content(root / path) != text.encode()}
    return sorted(differing | (found - files.keys()))


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def main(arguments: list[str]) -> int:
    """Write what is out of date, or with ``--check`` only name it; give the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m dcmtools.cli._generate [--check]\n")
        return ExitCode.USAGE
    files = wanted()
    stale = outdated(CHECKOUT)
    for path in stale:
        if arguments:
            sys.stdout.write(f"{path} is out of date\n")
        elif path in files:
            (CHECKOUT / path).parent.mkdir(exist_ok=True)
            (CHECKOUT / path).write_bytes(files[path].encode())
            sys.stdout.write(f"{path} written\n")
        else:
            (CHECKOUT / path).unlink()
            sys.stdout.write(f"{path} removed\n")
    return ExitCode.FAILURE if arguments and stale else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
