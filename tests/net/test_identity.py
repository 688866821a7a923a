"""User identities: where they come from, and what is wrong with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcmtools.errors import ConfigError, ExitCode, UsageError
from dcmtools.net.identity import Identity, Kind, from_sources

TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ."  # noqa: S105 - it opens nothing
MOST = 65529

File = Callable[[bytes], Path]


@pytest.fixture
def file(tmp_path: Path) -> File:
    """Give the function that writes a file."""

    def _write(content: bytes) -> Path:
        path = tmp_path / "identity"
        path.write_bytes(content)
        return path

    return _write


def identity(environ: dict[str, str] | None = None, **sources: Any) -> Identity | None:  # noqa: ANN401
    """Make an identity with an environment of its own."""
    return from_sources(**sources, environ=environ or {})


def test_nothing_gives_nothing() -> None:
    assert identity() is None
    assert identity({"DCMTOOLS_PASSWORD": "secret", "DCMTOOLS_JWT": ""}) is None


def test_a_name_alone() -> None:
    assert identity(user="ann") == Identity(1, b"ann", b"", response=False)
    assert identity(user="Müller", check=True) == Identity(1, "Müller".encode(), response=True)


def test_a_name_and_a_passcode(file: File) -> None:
    ours = Identity(2, b"ann", b"secret")
    assert identity(user="ann", password_file=file(b"secret")) == ours
    assert identity({"DCMTOOLS_PASSWORD": "secret"}, user="ann") == ours
    both = identity({"DCMTOOLS_PASSWORD": "other"}, user="ann", password_file=file(b"secret"))
    assert both == ours
    assert identity({"DCMTOOLS_PASSWORD": ""}, user="ann") == Identity(1, b"ann")


@pytest.mark.parametrize(
    ("content", "passcode"),
    [
        (b"secret\n", b"secret"),
        (b"secret\r\n", b"secret"),
        (b"\xef\xbb\xbfsecret\r\n", b"secret"),
        (b"  two words \n", b"  two words "),
        ("geheimnißvoll\n".encode(), "geheimnißvoll".encode()),
    ],
)
def test_one_line_end_is_no_part_of_a_passcode(file: File, content: bytes, passcode: bytes) -> None:
    made = identity(user="ann", password_file=file(content))
    assert made is not None
    assert made.secondary == passcode


def test_tokens(file: File) -> None:
    ours = Identity(5, TOKEN.encode())
    assert identity(jwt_file=file(f" {TOKEN}\r\n".encode())) == ours
    assert identity({"DCMTOOLS_JWT": f"{TOKEN}\n"}) == ours
    assert identity({"DCMTOOLS_JWT": "other"}, jwt_file=file(TOKEN.encode())) == ours
    assert identity({"DCMTOOLS_JWT": TOKEN}, user="ann") == Identity(1, b"ann")


def test_assertions_and_tickets(file: File) -> None:
    assert identity(saml_file=file(b"<a>\n</a>\n\n")) == Identity(4, b"<a>\n</a>")
    assert identity(kerberos_file=file(b"\x6e\x82\n")) == Identity(3, b"\x6e\x82\n")


@pytest.mark.parametrize(
    ("source", "kind"), [("jwt_file", 5), ("saml_file", 4), ("kerberos_file", 3)]
)
def test_a_confirmation_is_asked_for(file: File, source: str, kind: int) -> None:
    made = identity(**{source: file(b"abc")}, check=True)
    assert made == Identity(kind, b"abc", response=True)


def test_what_is_printed_of_it_holds_no_secret() -> None:
    shown = repr(Identity(Kind.USERNAME_AND_PASSCODE, b"ann", b"hunter2"))
    assert "hunter2" not in shown
    assert "ann" not in shown
    assert "token" not in repr(Identity(Kind.JWT, b"token"))


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"jwt_file": "f", "user": "u"}, "--jwt-file: does not go with --user"),
        ({"saml_file": "f", "jwt_file": "f"}, "--jwt-file: does not go with --saml-file"),
        ({"kerberos_file": "f", "saml_file": "f"}, "--saml-file: does not go with --kerberos-file"),
        ({"password_file": "f"}, "--password-file: goes with --user"),
        ({"password_file": "f", "jwt_file": "f"}, "--password-file: goes with --user"),
        ({"check": True}, "--check-identity: has no identity to check"),
        ({"user": "u\udcff"}, "--user: is not UTF-8 text"),
    ],
)
def test_what_does_not_go_together(sources: dict[str, Any], message: str) -> None:
    paths = {key: Path(value) if value == "f" else value for key, value in sources.items()}
    with pytest.raises(UsageError) as caught:
        identity(**paths)
    assert str(caught.value) == message
    assert caught.value.exit_code == ExitCode.USAGE


SOURCES = ["password_file", "jwt_file", "saml_file", "kerberos_file"]


def failure(file: Path, source: str) -> ConfigError:
    """Give the error that a source leads to."""
    sources: dict[str, Any] = {source: file}
    if source == "password_file":
        sources["user"] = "ann"
    with pytest.raises(ConfigError) as caught:
        identity(**sources)
    assert caught.value.what == str(file)
    assert caught.value.hint
    assert caught.value.exit_code == ExitCode.CONFIG
    return caught.value


@pytest.mark.parametrize("source", SOURCES)
def test_files_that_cannot_be_read(tmp_path: Path, source: str) -> None:
    assert failure(tmp_path / "none", source).why == "no such file or directory"
    assert failure(tmp_path, source).why == "is a directory"
    assert failure(tmp_path / "a\0b", source).why == "embedded null byte"


@pytest.mark.parametrize("source", SOURCES)
def test_empty_files(file: File, source: str) -> None:
    assert failure(file(b""), source).why == "is empty"


@pytest.mark.parametrize("source", SOURCES[:3])
def test_blank_files_and_files_of_no_text(file: File, source: str) -> None:
    assert failure(file(b"\n"), source).why == "is empty"
    assert failure(file(b"\xff\xfea\0"), source).why == "is not UTF-8 text"


@pytest.mark.parametrize("content", [b"secret\nann\n", b"secret\n\n", b"a\rb"])
def test_a_passcode_has_one_line(file: File, content: bytes) -> None:
    assert failure(file(content), "password_file").why == "has more than one line"


@pytest.mark.parametrize("content", [f"Bearer {TOKEN}".encode(), b"a.b\nc", "ä.b".encode()])
def test_what_is_no_token(file: File, content: bytes) -> None:
    why = failure(file(content), "jwt_file").why
    assert why == "is not a JSON Web Token"


def test_a_wrong_token_in_the_environment_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        identity({"DCMTOOLS_JWT": "Bearer hunter2"})
    assert str(caught.value) == "DCMTOOLS_JWT: is not a JSON Web Token"
    assert "hunter2" not in caught.value.hint


@pytest.mark.parametrize("source", SOURCES[1:])
def test_the_longest_identity(file: File, source: str) -> None:
    made = identity(**{source: file(b"a" * MOST)})
    assert made is not None
    assert len(made.primary) == MOST
    why = f"is longer than the {MOST} bytes that an association can carry"
    assert failure(file(b"a" * (MOST + 1)), source).why == why


def test_name_and_passcode_share_the_room(file: File) -> None:
    path = file(b"p" * (MOST - 3))
    assert identity(user="ann", password_file=path) is not None
    with pytest.raises(ConfigError, match="is longer than"):
        identity(user="anna", password_file=path)
    with pytest.raises(ConfigError, match="--user: is longer than"):
        identity(user="a" * (MOST + 1))


def test_a_source_without_an_end() -> None:
    assert failure(Path("/dev/zero"), "kerberos_file").why.startswith("is longer than")


@pytest.mark.parametrize("kind", [0, 6])
def test_unknown_kinds_are_refused(kind: int) -> None:
    with pytest.raises(ValueError, match="is not a valid Kind"):
        Identity(kind, b"a")
