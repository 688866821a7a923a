"""Where outputs go: folders are mirrored, and nothing gets the name of anything else."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.dataset.files import Operand, find_files
from dcmtools.dataset.outputs import Planned, is_backup, plan_outputs
from dcmtools.errors import OutputError, UsageError


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with some files, as users do."""
    monkeypatch.chdir(tmp_path)
    for name in ("x/ct/1", "x/ct/sub/2", "x/3", "y/ct/1", "y/ct/4", "z"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"")


def plan(operands: list[str], output: str | Path | None) -> list[Planned]:
    return plan_outputs(list(find_files(operands)), operands, output)


def targets(operands: list[str], output: str | Path | None) -> dict[str, str]:
    """Give the outputs, or what is wrong."""
    return {
        str(each.path): str(each.target) if each.error is None else f"! {each.error.why}"
        for each in plan(operands, output)
    }


# A single file


@pytest.mark.parametrize("output", ["new", "new.dcm", "not/there/new", Path("new")])
def test_a_single_file_gets_the_name(output: str | Path) -> None:
    assert targets(["x/3"], output) == {"x/3": str(output)}
    (only,) = plan(["x/3"], output)
    assert only.root is None
    assert only.named


@pytest.mark.parametrize(
    ("output", "target"), [("new/", "new/3"), ("y", "y/3"), (Path("y"), "y/3"), (".", "3")]
)
def test_a_single_file_goes_into_a_folder(output: str | Path, target: str) -> None:
    assert targets(["x/3"], output) == {"x/3": target}
    (only,) = plan(["x/3"], output)
    assert only.root == Path(output)


def test_standard_input_has_no_name() -> None:
    assert targets(["-"], "new") == {"-": "new"}
    assert targets(["-"], "new/") == {"-": "! has no name for its output"}
    assert targets(["-"], None) == {"-": "! standard input cannot be edited in place"}


def test_a_file_in_a_folder_that_is_named_is_not_a_single_file() -> None:
    assert targets(["x/ct/sub"], "new") == {"x/ct/sub/2": "new/2"}


@pytest.mark.parametrize("output", ["", "-"])
def test_what_is_no_name_for_an_output(output: str) -> None:
    with pytest.raises(UsageError, match="is no name for an output"):
        plan(["x/3"], output)


def test_many_need_a_folder() -> None:
    for operands in (["x"], ["x/3", "y/ct/1"]):
        with pytest.raises(OutputError, match="z: is not a folder"):
            plan(operands, "z")


# Folders


@pytest.mark.parametrize("operand", ["x", "./x", "x/", "y/../x"])
def test_a_folder_alone_is_mirrored(operand: str) -> None:
    found = [str(each.target) for each in plan([operand], "out")]
    assert found == ["out/3", "out/ct/1", "out/ct/sub/2"]
    assert {each.root for each in plan([operand], "out")} == {Path("out")}


def test_several_have_folders_of_their_names() -> None:
    assert targets(["x", "y/ct", "z"], "out") == {
        "x/3": "out/x/3",
        "x/ct/1": "out/x/ct/1",
        "x/ct/sub/2": "out/x/ct/sub/2",
        "y/ct/1": "out/ct/1",
        "y/ct/4": "out/ct/4",
        "z": "out/z",
    }
    assert targets(["x/3", "z"], "out") == {"x/3": "out/3", "z": "out/z"}


def test_what_a_list_names_counts_too() -> None:
    """The files of ``--files-from`` are no operands of the command line."""
    items = list(find_files(["x/ct", "z"]))
    found = [str(each.target) for each in plan_outputs(items, [], "out")]
    assert found == ["out/ct/1", "out/ct/sub/2", "out/z"]


def test_the_folder_that_one_is_in_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("x/ct")
    assert [str(each.target) for each in plan(["."], "../../out")] == [
        "../../out/1",
        "../../out/sub/2",
    ]
    found = targets([".", "../../y/ct/../..", "../.."], str(tmp_path / "out"))
    assert found["1"] == f"{tmp_path}/out/ct/1"
    assert found["../../y/ct/../../z"] == f"{tmp_path}/out/{tmp_path.name}/z"
    assert found["../../z"].endswith(f"is that of ../../y/ct/../../z")  # noqa: F541 - like others


def test_a_file_that_is_called_like_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("x/-").write_bytes(b"")
    Path("-").mkdir()
    Path("-/5").write_bytes(b"")
    found = targets(["x", "./-"], "out")
    assert found["x/-"] == "out/x/-"
    assert "out/-/5" in found.values()
    monkeypatch.chdir("x")
    assert "../out/-" in targets(["."], "../out").values()


# Names that are taken


def test_the_second_of_a_name_is_refused_and_told_of_the_first() -> None:
    assert targets(["x/ct", "y/ct"], "out") == {
        "x/ct/1": "out/ct/1",
        "x/ct/sub/2": "out/ct/sub/2",
        "y/ct/1": "! its output out/ct/1 is that of x/ct/1",
        "y/ct/4": "out/ct/4",
    }
    (_, second) = plan(["x/ct/1", "y/ct/1"], "out")
    assert isinstance(second.error, OutputError)
    assert second.target is None


def test_an_input_is_no_output() -> None:
    assert targets(["z"], "z") == {"z": "! its output z is itself"}
    assert targets(["z"], ".") == {"z": "! its output z is itself"}
    Path("link").symlink_to("z")
    assert targets(["z"], "link") == {"z": "! its output link is itself"}
    assert targets(["link"], "z") == {"link": "! its output z is itself"}
    Path("out").mkdir()
    Path("out/1").write_bytes(b"")
    assert targets(["x/ct/1", "out/1"], "out") == {
        "x/ct/1": "! its output out/1 is the input out/1",
        "out/1": "! its output out/1 is itself",
    }


def test_outputs_of_before_are_no_inputs() -> None:
    first = targets(["."], "out")
    for target in first.values():
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_bytes(b"")
    assert targets(["."], "out") == first
    assert targets(["."], Path("x/../out").resolve()).keys() == first.keys()
    Path("link").symlink_to("out")
    assert targets(["."], "link").keys() == first.keys()
    assert "out/z" in targets([".", "out/z"], "deep")  # elsewhere they are
    assert list(targets(["out/z"], "new")) == ["out/z"]


def test_a_folder_that_lies_in_that_of_outputs_is_an_input() -> None:
    assert targets(["x/ct"], "x") == {"x/ct/1": "x/1", "x/ct/sub/2": "x/sub/2"}


@pytest.mark.parametrize("output", ["x", "./x/", "y/../x", "link"])
def test_a_folder_is_not_its_own_output(output: str) -> None:
    Path("link").symlink_to("x")
    with pytest.raises(UsageError, match="is an input too") as caught:
        plan(["y", "x"], output)
    assert "in place" in caught.value.hint


def test_a_path_that_goes_up_is_no_file() -> None:
    assert targets(["gone/..", "z"], "out") == {
        "gone/..": "! has no name for its output",
        "z": "out/z",
    }


def test_what_cannot_be_read_stays_an_error() -> None:
    error = OutputError("p", "why")
    items = [Operand(Path("p"), named=False, error=error, folder=Path("x")), Operand(Path("z"))]
    for output in (None, "out"):
        first, second = plan_outputs(items, ["x", "z"], output)
        assert first.error is error
        assert first.target is None
        assert second.error is None


NAMES = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=9)
PATHS = st.lists(NAMES.filter(lambda name: name not in (".", "..")), min_size=1, max_size=4)


@given(st.lists(PATHS, max_size=6), st.sampled_from(["f", ".", "..", "/", "f/..", "-"]))
def test_nothing_lands_outside(paths: list[list[str]], operand: str) -> None:
    folder = Path(operand)
    items = [Operand(folder.joinpath(*path), named=False, folder=folder) for path in paths]
    items += [Operand(folder.joinpath(*path)) for path in paths]
    for planned in plan_outputs(items, [operand], "/somewhere/out"):
        if planned.error is None:
            target = os.path.normpath(str(planned.target))
            assert target.startswith("/somewhere/out/")


# In place


def test_in_place_nothing_has_another_name() -> None:
    found = plan(["x", "z"], None)
    assert [str(each.path) for each in found] == ["x/3", "x/ct/1", "x/ct/sub/2", "z"]
    assert {(each.target, each.root, each.error) for each in found} == {(None, None, None)}
    assert [each.named for each in found] == [False, False, False, True]


def test_a_file_is_edited_once_whatever_it_is_called() -> None:
    Path("x/link").symlink_to("ct/1")
    assert targets(["x", "./x/3", "y/../x/ct/1", "z"], None) == {
        "x/3": "! is the same file as x/3",
        "x/ct/1": "None",
        "x/ct/sub/2": "None",
        "x/link": "! is the same file as x/ct/1",
        "y/../x/ct/1": "! is the same file as x/ct/1",
        "z": "None",
    }


def test_backups_are_passed_over_unless_they_are_named() -> None:
    backups = ["x/3.bak", "x/3.bak.1", "x/3.bak.22"]
    others = ["x/gone.bak", "x/3.bak.0", "x/3.bak.x", "x/.bak", "x/3.bak.1.dcm", "x/3bak"]
    for name in backups + others:
        Path(name).write_bytes(b"")
    assert [name for name in backups + others if is_backup(Path(name))] == backups
    found = [str(each.path) for each in plan(["x", "x/3.bak"], None)]
    assert [name for name in found if name in backups] == ["x/3.bak"]
    assert set(others) <= set(found)
    assert set(backups) <= {str(each.path) for each in plan(["x"], "out")}
