"""Define the options that say what is asked for, shared by the commands that query and retrieve."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperOption

from dcmtools.cli._network import NetworkCommand
from dcmtools.cli._options import charset_named
from dcmtools.dataset.charset import is_known
from dcmtools.dataset.query import Query, build_query
from dcmtools.dataset.query_files import read_query_file
from dcmtools.dataset.query_keys import Criteria, Key, parse_key
from dcmtools.dataset.query_models import (
    PATIENT_ROOT,
    PATIENT_STUDY_ONLY,
    PROCEDURE_STEP,
    STUDY_ROOT,
    WORKLIST,
    Model,
    QueryLevel,
    model_for,
)
from dcmtools.dataset.query_tables import Uids, read_uids
from dcmtools.errors import EmptyError, InputError, UsageError, reason

STDIN = "-"
_STDIN_NAME = "standard input"
_UIDS = {
    "study": QueryLevel.STUDY,
    "series": QueryLevel.SERIES,
    "instance": QueryLevel.IMAGE,
}
_MODELS = {
    "study_root": STUDY_ROOT,
    "patient_root": PATIENT_ROOT,
    "patient_study_only": PATIENT_STUDY_ONLY,
    "worklist": WORKLIST,
    "ups": PROCEDURE_STEP,
}


@dataclass(slots=True)
class Asked:
    """What the options say is asked for."""

    model: Model | None = None
    level: QueryLevel | None = None
    keys: tuple[Key, ...] = ()
    charset: str = ""
    assume_charset: str = ""
    criteria: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    listed: str = ""
    """Which of the UIDs are to be read from standard input, "" for none."""


def query_options(*, retrieves: bool) -> list[TyperOption]:
    """Make the options that say what is asked for.

    Parameters
    ----------
    retrieves : bool
        Whether what is found is retrieved: then there are only the models that can be, and UIDs
        may come from standard input.
    """
    from_stdin = "; - reads them from standard input" if retrieves else ""
    models = [
        _flag("-S", "--study-root", help="Ask in the Study Root model, which is the default."),
        _flag("-P", "--patient-root", help="Ask in the Patient Root model."),
        _flag("-O", "--patient-study-only", help="Ask in the retired Patient/Study Only model."),
    ]
    if not retrieves:
        models += [
            _flag("-W", "--worklist", help="Ask for the modality worklist."),
            _flag("--ups", help="Ask for unified procedure steps."),
        ]
    scheduled = [
        _text("--station-aet", "AET", "The station that a worklist item is scheduled for."),
        _text("--sps-date", "DATES", "The days that a worklist item is scheduled for."),
    ]
    return [
        *models,
        _text(
            "--model",
            "UID",
            "Ask in the model of this SOP class: hanging protocols, implant templates and so on.",
        ),
        TyperOption(
            param_decls=["-L", "--level"],
            metavar="[patient|study|series|image]",
            help="The level; by default the lowest that a key belongs to.",
            **_SHARED,
        ),
        _text(
            "-k",
            "TAGPATH[=VALUE]",
            "A key to match, or without VALUE one to return; repeatable.",
            "--key",
            multiple=True,
        ),
        _text("--patient-id", "ID", "Match the Patient ID; * and ? are wildcards."),
        _text("--patient-name", "TEXT", "Match the patient's name; * and ? are wildcards."),
        _text("--birth-date", "DATES", "Match the patient's birth date."),
        _text(
            "--date",
            "DATES",
            "Match the date of the study: a day, A..B, today, yesterday, -7d, -2w, -3m, -1y.",
        ),
        _text("--time", "TIMES", "Match the time of the study: a time, or A..B."),
        _text("--modality", "CODE", "Match the modality, of studies any that is in them."),
        _text("--accession", "NUMBER", "Match the Accession Number."),
        _text("--study", "UID", f"The study; repeatable{from_stdin}.", multiple=True),
        _text("--series", "UID", f"The series; repeatable{from_stdin}.", multiple=True),
        _text("--instance", "UID", f"The SOP instance; repeatable{from_stdin}.", multiple=True),
        *([] if retrieves else scheduled),
        _text("--charset", "CS", "Send text in this character set; by default ASCII or UTF-8."),
        _text("--assume-charset", "CS", "The character set of answers that name none."),
    ]


class FindCommand(NetworkCommand):
    """A command that takes the options of a query, of the network, and the global ones."""

    retrieves = False

    def __init__(self, *arguments: Any, **attributes: Any) -> None:  # noqa: ANN401
        own = [*(attributes.pop("params", None) or []), *query_options(retrieves=self.retrieves)]
        super().__init__(*arguments, params=own, **attributes)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - click's
        """Read the command line; of a key that is given twice one would silently win."""
        names = [word.partition("=")[0] for word in args]
        for option in self.params:
            single = isinstance(option, TyperOption) and option.name in _SINGLE_KEYS
            if single and sum(name in option.opts for name in names) > 1:
                raise UsageError(option.opts[0], "is given twice")
        return super().parse_args(ctx, args)


class RetrieveCommand(FindCommand):
    """A command that takes the options of a retrieval, of the network, and the global ones."""

    retrieves = True


def asked(context: typer.Context) -> Asked:
    """Give what the options say is asked for."""
    found: Asked = context.meta.setdefault("dcmtools.query", Asked())
    return found


def the_query(
    context: typer.Context, files: Sequence[str] = (), *, only: bool, first: Iterable[Key] = ()
) -> Query:
    """Put the query together.

    Parameters
    ----------
    context : typer.Context
        That of the command.
    files : sequence of str
        Query files; the keys of the options count more than theirs.
    only : bool
        Whether no return keys are added.
    first : iterable of Key
        Keys that stand before all others, and count less.

    Raises
    ------
    UsageError
        A key means nothing, or keys do not go together.
    InputError
        A query file cannot be read.
    """
    wanted = asked(context)
    keys = [key for file in files for key in read_query_file(file, charset=wanted.assume_charset)]
    model = wanted.model or STUDY_ROOT
    if wanted.model is None and wanted.criteria.keys() & {"station_aet", "sps_date"}:
        model = WORKLIST  # only there is anything scheduled for a station
    query = build_query(
        [*first, *keys, *wanted.keys],
        model=model,
        level=wanted.level,
        criteria=Criteria(**wanted.criteria),  # type: ignore[arg-type]  # by the names of options
        only=only,
        charset=wanted.charset,
    )
    _check_once(wanted, query)
    return query


def _check_once(wanted: Asked, query: Query) -> None:
    """Refuse keys that are given with two values: one of them would silently win."""
    for key in wanted.keys:
        alone = build_query([key], model=query.model, level=query.level, only=True).keys
        if any(each.value and each.value != query.value(each.path) for each in alone):
            raise UsageError(str(key.path), "is given twice, with different values")


def queries(context: typer.Context) -> Iterator[Query]:
    """Give the queries of a retrieval: one, or one for each line of UIDs on standard input.

    Raises
    ------
    UsageError
        Nothing is asked for, or what is means nothing.
    InputError
        Standard input holds what is no UID.
    EmptyError
        It holds nothing.
    """
    wanted = asked(context)
    base = the_query(context, only=True) if wanted.keys or wanted.criteria else None
    if not wanted.listed:
        # An empty value, perhaps of an unset variable, matches everything.
        if base is None or not any(key.value for key in base.keys):
            hint = "Name a study by --study UID, or give keys such as --patient-id, --accession."
            raise UsageError("nothing is asked for", "everything would be retrieved", hint)
        yield base
        return
    empty = True
    for uids in read_uids(text_lines(STDIN), _UIDS[wanted.listed]):
        empty = False
        yield _listed(wanted, base, uids)
    if empty:
        raise EmptyError(_STDIN_NAME, "holds no UIDs", "Has what comes before in the pipe failed?")


def _listed(wanted: Asked, base: Query | None, uids: Uids) -> Query:
    names = {"study": uids.study, "series": uids.series, "instance": uids.instance}
    criteria = Criteria(**{name: (uid,) for name, uid in names.items() if uid})  # type: ignore[arg-type]
    return build_query(
        base.keys if base else (),
        model=wanted.model or STUDY_ROOT,
        level=wanted.level,
        criteria=criteria,
        only=True,
        charset=wanted.charset,
    )


def text_lines(name: str) -> Iterator[str]:
    """Read text line by line, in UTF-8 whatever the locale; what is none is kept as surrogates.

    Parameters
    ----------
    name : str
        A file; ``-`` is standard input.

    Raises
    ------
    InputError
        It cannot be read.
    """
    if name == STDIN and sys.stdin is None:
        raise InputError(_STDIN_NAME, "is closed")
    try:
        with nullcontext(sys.stdin.buffer) if name == STDIN else Path(name).open("rb") as file:
            for line in file:
                yield line.decode("utf-8", "surrogateescape")
    except (OSError, ValueError) as error:
        raise InputError(_STDIN_NAME if name == STDIN else name, reason(error)) from error


def _flag(*names: str, help: str) -> TyperOption:  # noqa: A002 - as typer calls it
    return TyperOption(param_decls=list(names), is_flag=True, help=help, **_SHARED)


def _text(
    name: str,
    metavar: str,
    help: str,  # noqa: A002
    *names: str,
    multiple: bool = False,
) -> TyperOption:
    return TyperOption(
        param_decls=[name, *names],
        metavar=metavar,
        help=help,
        multiple=multiple,
        type=str,
        **_SHARED,
    )


def _keep(context: typer.Context, option: Any, value: Any) -> None:  # noqa: ANN401
    if value is None or value is False or value == ():
        return
    wanted, name = asked(context), option.name
    if name in _MODELS or name == "model":
        if wanted.model is not None:
            raise typer.BadParameter("there is another model too.", context, option)
        wanted.model = _MODELS.get(name) or model_for(value)
    elif name == "level":
        wanted.level = _level(context, option, value)
    elif name == "key":
        wanted.keys = tuple(map(parse_key, value))
    elif name in ("charset", "assume_charset"):
        setattr(wanted, name, _charset(context, option, value))
    elif name in _UIDS and STDIN in value and isinstance(context.command, RetrieveCommand):
        if wanted.listed or len(value) > 1:
            raise typer.BadParameter("- stands alone, and once.", context, option)
        wanted.listed = name
    else:
        wanted.criteria[name] = value


def _charset(context: typer.Context, option: Any, value: str) -> str:  # noqa: ANN401
    charset = charset_named(value)
    if not charset.isascii() or not is_known(charset.encode()):
        why = f"'{value}' is none; ISO_IR 192 (UTF-8), ISO_IR 100 (Latin-1) and GB18030 are."
        raise typer.BadParameter(why, context, option)
    return charset


def _level(context: typer.Context, option: Any, value: str) -> QueryLevel:  # noqa: ANN401
    try:
        return QueryLevel(value.upper())
    except ValueError:
        choices = ", ".join(level.lower() for level in QueryLevel)
        raise typer.BadParameter(f"'{value}' is not one of {choices}.", context, option) from None


_SINGLE_KEYS = {each.name for each in fields(Criteria)} - _UIDS.keys()
_SHARED: dict[str, Any] = {"expose_value": False, "callback": _keep}
