"""Show that text gets into another character set whole, at every depth, or not at all."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmtools.dataset import values
from dcmtools.dataset.elements import SPECIFIC_CHARACTER_SET
from dcmtools.dataset.read import DicomFile
from dcmtools.dataset.recode import _read, check_charset, reads_differently, recode
from dcmtools.dataset.tree import Tree, read_tree
from dcmtools.errors import InputError, UsageError
from tests.factories import BODY, IMPLICIT, corpus, element, implicit, item, part10, write

UTF8 = "ISO_IR 192"
KANJI = "ISO 2022 IR 6\\ISO 2022 IR 87"
FOLDER = corpus()
FILES = [
    pytest.param(path, id=path.name)
    for path in sorted(FOLDER.iterdir() if FOLDER is not None else ())
    if any(word in path.name.lower() for word in ("charset", "__chr", "ir13"))
]
UNREADABLE = ("charset_utf8_wrong", "charset_pyname", "charset_unknown")


def labelled(charset: bytes) -> bytes:
    return element(0x00080005, "CS", charset + b" " * (len(charset) % 2))


def name(raw: bytes) -> bytes:
    return element(0x00100010, "PN", raw)


def recoded(path: Path, charset: str) -> bytes:
    """Recode a file; give the bytes of its data set."""
    with DicomFile(path) as file:
        tree = read_tree(file)
        recode(tree, charset)
        return tree.edited().read()


def recoded_body(tmp_path: Path, body: bytes, charset: str = UTF8) -> bytes:
    return recoded(write(tmp_path / "file.dcm", part10(body)), charset)


def texts(path: Path) -> list[tuple[str, str]]:
    """List the text of a file by where it is."""
    with DicomFile(path) as file:
        tree = read_tree(file)
        return [
            (str(node.path), _read(node.raw, node.vr, node.owner.charset).rstrip(" \0"))
            for node in tree.walk()
            if node.vr in values.CHARSET_VRS
        ]


def others(tree: Tree) -> list[tuple[int, bytes]]:
    """List what is no text, but for group lengths, which may follow it."""
    return [
        (node.tag, node.raw)
        for node in tree.walk()
        if node.tag & 0xFFFF and node.vr not in values.TEXT_VRS
    ]


# What becomes of text


@pytest.mark.parametrize(
    ("old", "raw", "new", "wanted"),
    [
        (b"ISO_IR 100", b"M\xfcller", UTF8, "Müller ".encode()),
        (b"ISO_IR 100", b"M\xfcllers ", UTF8, "Müllers".encode()),
        (b"ISO_IR 100", b"M\xfcll ", UTF8, "Müll ".encode()),
        (b"ISO_IR 192", "Müller ".encode(), "ISO_IR 100", b"M\xfcller"),
        (b"ISO_IR 192", "王^小东 ".encode(), "GB18030", b"\xcd\xf5^\xd0\xa1\xb6\xab "),
        (b"GB18030", b"\xcd\xf5^\xd0\xa1\xb6\xab ", UTF8, "王^小东".encode()),
        (b"ISO_IR 192", "A=山^太".encode(), KANJI, b"A=\x1b$B;3\x1b(B^\x1b$BB@\x1b(B"),
        (KANJI.encode(), b"A=\x1b$B;3\x1b(B^\x1b$BB@\x1b(B ", UTF8, "A=山^太 ".encode()),
        (KANJI.encode(), b"A\x1b(BB ", UTF8, b"AB"),
        (b"ISO_IR 13", b"\xd4\xcf", UTF8, "ﾔﾏ".encode()),
        (b"ISO_IR 192", "aﾔ~".replace("~", "\u203e").encode(), "ISO_IR 13", b"a\xd4~"),
        (b"ISO_IR 13", b"a~", UTF8, "a\u203e".encode()),
        (b"ISO 2022 IR 13\\ISO 2022 IR 87", b"~\x1b(B~", UTF8, "\u203e~".encode()),
        (b"ISO 2022 IR 13\\ISO 2022 IR 87", b"\x1b$B0\\0~\x1b(J", UTF8, "移蔭".encode()),
        (b"ISO 2022 IR 6\\ISO 2022 IR 13", b"~\x1b(J~^~", UTF8, "~\u203e^~".encode()),
        (b"ISO_IR 192", "a\u203e".encode(), "ISO_IR 13", b"a~"),
        (b"ISO_IR 144", b"\xbb^\xee", "ISO_IR 192", "Л^ю ".encode()),
    ],
)
def test_a_name_is_written_in_the_new_set(
    tmp_path: Path, old: bytes, raw: bytes, new: str, wanted: bytes
) -> None:
    wanted += b" " * (len(wanted) % 2)
    label = new.encode()
    assert recoded_body(tmp_path, labelled(old) + name(raw), new) == labelled(label) + name(wanted)


@pytest.mark.parametrize(
    ("vr", "raw", "wanted"),
    [
        ("LT", b"C:\\~", "C:\u00a5\u203e"),
        ("LO", b"a\\~b", "a\\\u203eb"),
        ("UR", b"a~", "a~"),
        ("CS", b"A\\B ", "A\\B "),
    ],
)
def test_the_yen_sign_is_one_where_it_is_no_delimiter(
    tmp_path: Path, vr: str, raw: bytes, wanted: str
) -> None:
    body = labelled(b"ISO_IR 13") + element(0x00091001, vr, raw)
    coded = wanted.encode() + b" " * (len(wanted.encode()) % 2)
    changed = labelled(b"ISO_IR 192") + element(0x00091001, vr, coded)
    assert recoded_body(tmp_path, body) == changed
    if vr in values.CHARSET_VRS:
        again = recoded_body(tmp_path, changed, "ISO_IR 13")
        assert again.rstrip() == body.rstrip()


def test_ascii_keeps_its_bytes(tmp_path: Path) -> None:
    odd = (
        name(b"A~\\  ")
        + element(0x00104000, "LT", b"C:\\x\r\n\0\0 \t")
        + element(0x00200010, "SH", b"\0\0")
    )
    for new in (UTF8, "ISO_IR 100", "GB18030", KANJI):
        label = labelled(new.encode())
        assert recoded_body(tmp_path, labelled(b"ISO_IR 101") + odd, new) == label + odd
        assert recoded_body(tmp_path, labelled(b"NO SUCH SET") + odd, new) == label + odd
        assert recoded_body(tmp_path, odd, new) == label + odd


def test_what_is_spelt_the_same_keeps_its_bytes(tmp_path: Path) -> None:
    body = name(b"J\xe9r\xf4me^\0 ")
    new = "ISO 2022 IR 100\\ISO 2022 IR 87"
    result = recoded_body(tmp_path, labelled(b"ISO_IR 100") + body, new)
    assert result == labelled(new.encode()) + body


def test_every_depth_is_recoded_from_its_own_set(tmp_path: Path) -> None:
    greek, latin = labelled(b"ISO_IR 126"), labelled(b"ISO_IR 100")
    inner = item(name(b"\xc4\xe9"))
    sequence = 0x00081115
    body = latin + element(
        sequence,
        "SQ",
        item(greek + element(sequence, "SQ", inner) + name(b"\xe9\xe9")) + item(name(b"\xe9\xe9")),
    )
    utf8 = labelled(b"ISO_IR 192")
    wanted = utf8 + element(
        sequence,
        "SQ",
        item(
            utf8
            + element(sequence, "SQ", item(name("Δι".encode())))
            + name("\u03b9\u03b9".encode())
        )
        + item(name("éé".encode())),
    )
    assert recoded_body(tmp_path, body) == wanted


def test_text_without_a_vr_is_known_by_the_dictionary(tmp_path: Path) -> None:
    private = element(0x00090010, "LO", b"ACME") + element(0x00091001, "UN", b"\xe9\xe9")
    body = labelled(b"ISO_IR 100") + private + element(0x00100010, "UN", b"\xe9\xe9")
    wanted = labelled(b"ISO_IR 192") + private + element(0x00100010, "UN", "éé".encode())
    assert recoded_body(tmp_path, body) == wanted


def test_a_private_creator_is_found_again_in_the_new_set(tmp_path: Path) -> None:
    body = labelled(b"ISO_IR 100") + element(0x00090010, "LO", b"SOCI\xc9T")
    with DicomFile(write(tmp_path / "file.dcm", part10(body))) as file:
        tree = read_tree(file)
        recode(tree, UTF8)
        assert tree.root.creator(0x00091001) == "SOCIÉT"


def test_only_text_is_recoded(tmp_path: Path) -> None:
    rest = element(0x00280010, "US", b"\xe9\xe9") + element(0x7FE00010, "OW", b"\xe9\xe9")
    coded = element(0x00180015, "CS", b"\xe9\xe9")
    body = labelled(b"ISO_IR 100") + coded + rest
    assert recoded_body(tmp_path, body) == labelled(b"ISO_IR 192") + coded + rest


def test_ascii_names_no_set(tmp_path: Path) -> None:
    nested = element(0x00081115, "SQ", item(labelled(b"ISO_IR 100") + name(b"Doe ")))
    body = labelled(b"ISO_IR 100") + nested
    wanted = element(0x00081115, "SQ", item(name(b"Doe ")))
    assert recoded_body(tmp_path, body, "ISO_IR 6") == wanted
    assert recoded_body(tmp_path, body, "") == wanted


# What cannot be recoded


@pytest.mark.parametrize(
    ("old", "raw", "new", "why"),
    [
        (b"ISO_IR 192", b"SECRET\xfc ", "ISO_IR 100", "be read in ISO_IR 192"),
        (b"", b"SECRET\xfc ", UTF8, "be read in ASCII"),
        (b"LATIN1", b"SECRET\xfc ", UTF8, "be read in LATIN1"),
        (KANJI.encode(), b"SECRET\x1b$Bxxxxx ", UTF8, "be read in ISO 2022 IR 6/ISO 2022 IR 87"),
        (KANJI.encode(), b"SECRET\x1b-A\xe9 ", UTF8, "be read in ISO 2022 IR 6/ISO 2022 IR 87"),
        (b"ISO_IR 192", "SECRET山".encode(), "ISO_IR 100", "be written in ISO_IR 100"),
        (b"ISO_IR 192", "SECRETü".encode(), "ISO_IR 6", "be written in ASCII"),
        (b"ISO_IR 192", "SECRETü".encode(), "", "be written in ASCII"),
        (b"ISO_IR 192", b"SECRET~ ", "ISO_IR 13", "be written in ISO_IR 13"),
        (b"ISO_IR 192", "SECRET¥".encode(), "ISO_IR 13", "be written in ISO_IR 13"),
    ],
)
def test_text_that_would_be_lost_is_refused_and_nothing_changed(
    tmp_path: Path, old: bytes, raw: bytes, new: str, why: str
) -> None:
    bad = element(0x00081115, "SQ", item(name(raw)))
    good = element(0x00080080, "LO", b"\xc3\xa9" if new == "ISO_IR 100" else b"ok")
    with DicomFile(write(tmp_path / "file.dcm", part10(labelled(old) + good + bad))) as file:
        tree = read_tree(file)
        with pytest.raises(InputError) as caught:
            recode(tree, new)
        assert caught.value.what == "ReferencedSeriesSequence[0].PatientName"
        assert caught.value.why == f"has text that cannot {why}"
        assert tree.edited().read() == labelled(old) + good + bad


def test_text_that_gets_too_long_is_refused(tmp_path: Path) -> None:
    raw = b"\xe9" * 40000
    body = labelled(b"ISO_IR 100") + element(0x00104000, "LT", raw)
    with pytest.raises(InputError, match="gets 80000 bytes long, and VR LT holds at most 65534"):
        recoded_body(tmp_path, body)
    body = labelled(b"ISO_IR 100") + element(0x00187000, "UT", raw)
    assert len(recoded_body(tmp_path, body)) == len(body) + 40000
    body = implicit(0x00080005, b"ISO_IR 100") + implicit(0x00104000, raw)
    path = write(tmp_path / "file.dcm", part10(body, IMPLICIT))
    assert len(recoded(path, UTF8)) == len(body) + 40000


@pytest.mark.parametrize(
    ("charset", "terms"),
    [
        ("ISO_IR 192", ["ISO_IR 192"]),
        ("iso-ir 100", ["ISO_IR 100"]),
        ("", [""]),
        ("\\ISO 2022 IR 87", ["", "ISO 2022 IR 87"]),
        (KANJI, ["ISO 2022 IR 6", "ISO 2022 IR 87"]),
    ],
)
def test_character_sets_get_the_terms_of_the_standard(charset: str, terms: list[str]) -> None:
    assert check_charset(charset) == terms


@pytest.mark.parametrize(
    ("charset", "why", "hint"),
    [
        ("utf-7", "is not a Specific Character Set", "ISO_IR 192 (UTF-8)"),
        ("ISO_IR 999", "is not a Specific Character Set", "GB18030"),
        ("ü", "is not a Specific Character Set", "GB18030"),
        ("ISO_IR 192\\ISO 2022 IR 87", "ISO_IR 192, which does not combine with others", ""),
        ("ISO_IR 100\\ISO 2022 IR 87", "does not combine", "Write ISO 2022 IR 100."),
        ("ISO 2022 IR 100\\", "has an empty value that is not the first", ""),
        ("ISO 2022 IR 87", "which only extends another set", "Write \\ISO 2022 IR 87."),
    ],
)
def test_what_is_no_character_set_is_refused(charset: str, why: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_charset(charset)
    assert why in caught.value.why
    assert hint in caught.value.hint
    assert caught.value.what == charset


# Another label


@pytest.mark.parametrize(
    ("raw", "old", "new", "differs"),
    [
        (b"Doe ", b"ISO_IR 100", b"ISO_IR 192", False),
        (b"D\xf6", b"ISO_IR 100", b"ISO_IR 192", True),
        (b"D\xf6", b"ISO_IR 100", b"ISO_IR 101", False),
        (b"D\xf6", b"ISO_IR 100", b"", True),
        (b"D~", b"ISO_IR 100", b"ISO_IR 13", True),
        (b"\x1b(BDo", b"ISO 2022 IR 6\\ISO 2022 IR 87", b"ISO_IR 192", True),
    ],
)
def test_a_label_tells_how_text_reads(
    tmp_path: Path, raw: bytes, old: bytes, new: bytes, *, differs: bool
) -> None:
    nested = element(0x00081115, "SQ", item(name(raw)))
    own = element(0x00081115, "SQ", item(labelled(b"ISO_IR 100") + nested))
    with DicomFile(write(tmp_path / "file.dcm", part10(labelled(old) + BODY + nested))) as file:
        assert reads_differently(read_tree(file), old, new) is differs
    with DicomFile(write(tmp_path / "own.dcm", part10(labelled(old) + BODY + own))) as file:
        assert not reads_differently(read_tree(file), old, new)


def test_text_that_was_set_does_not_count_for_its_label(tmp_path: Path) -> None:
    with DicomFile(write(tmp_path / "file.dcm", part10(BODY))) as file:
        tree = read_tree(file)
        tree.root.find(0x00100010)[0].set("Müller".encode())
        assert not reads_differently(tree, b"", b"ISO_IR 192")


# Whatever is there


@given(
    st.sampled_from([UTF8, "GB18030", "ISO_IR 100", KANJI, "\\ISO 2022 IR 149", "ISO_IR 13"]),
    st.sampled_from(["LO", "PN", "LT"]),
    st.text(st.sampled_from("aZ ~^=\\\r\n\t¥‾éüひ山가ﾔ王𠮷")),
)
def test_text_reads_the_same_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, new: str, vr: str, text: str
) -> None:
    raw = text.encode()
    raw += b" " * (len(raw) % 2)
    body = labelled(b"ISO_IR 192") + element(0x00091001, vr, raw)
    path = write(tmp_path_factory.mktemp("text") / "file.dcm", part10(body))
    try:
        result = recoded(path, new)
    except InputError:
        return
    again = write(path.with_name("again.dcm"), part10(result))
    assert texts(again) == texts(path)
    assert recoded(again, UTF8).endswith(element(0x00091001, vr, raw)) or raw != text.encode()


@pytest.mark.corpus
@pytest.mark.parametrize("path", FILES)
def test_the_corpus_reads_the_same_in_utf8(path: Path, tmp_path: Path) -> None:
    if any(word in path.name for word in UNREADABLE):
        with pytest.raises(InputError, match="has text that cannot be read in"):
            recoded(path, UTF8)
        return
    with DicomFile(path) as file:
        tree = read_tree(file)
        before = others(tree)
        recode(tree, UTF8)
        edited = tree.edited()
        again = write(tmp_path / "again.dcm", part10(edited.read(), edited.transfer_syntax))
    old, new = texts(path), texts(again)
    assert new == old
    with DicomFile(again) as file:
        tree = read_tree(file)
        assert tree.root.find(SPECIFIC_CHARACTER_SET)[0].raw == b"ISO_IR 192"
        assert others(tree) == before


@pytest.mark.corpus
@pytest.mark.interop
@pytest.mark.parametrize("path", FILES)
def test_dcmtk_makes_the_same_text(
    path: Path, tmp_path: Path, program: Callable[[str], str]
) -> None:
    program("dcmconv")
    theirs = tmp_path / "theirs.dcm"
    done = subprocess.run(["dcmconv", "+U8", path, theirs], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("dcmconv does not convert it")
    ours = write(tmp_path / "ours.dcm", part10(recoded(path, UTF8)))
    assert [text for text in texts(ours) if text[1]] == [text for text in texts(theirs) if text[1]]
