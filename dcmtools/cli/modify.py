"""The command ``modify``: edit the headers of files, and change nothing else."""

import os
from typing import Annotated

import typer

from dcmtools import config
from dcmtools.cli._batch import Batch, is_batch, operands
from dcmtools.cli._modifying import (
    ModifyWork,
    Shape,
    check_stdin,
    check_together,
    edit,
    new_uids,
    read_charset,
    read_conditions,
    read_levels,
    read_operations,
)
from dcmtools.cli._options import (
    FailFast,
    FilesFrom,
    Jobs,
    Null,
    Recurse,
    Report,
    Settings,
    check_distinct,
)
from dcmtools.cli._ordered import OrderedCommand
from dcmtools.dataset.editor import Manner
from dcmtools.dataset.modify import Wanted
from dcmtools.dataset.new_rules import Rules
from dcmtools.dataset.outputs import plan_outputs
from dcmtools.dataset.rewrite import Destination
from dcmtools.dataset.source import DEFAULT_MAX_INFLATED

COMMAND = OrderedCommand
EXAMPLES = (
    (
        "Set the patient ID; the file as it was is kept beside it.",
        "dcmtools modify ct.dcm -i PatientID=4711",
    ),
    (
        "See what would change, and change nothing.",
        "dcmtools modify study -n -m Modality=OT -e '(0010,0010)'",
    ),
    (
        "Leave the files alone and write the edited ones elsewhere.",
        "dcmtools modify study -m PatientID=4711 -o edited",
    ),
    (
        "Set a value in every item of a sequence.",
        "dcmtools modify ct.dcm -i 'OtherPatientIDsSequence[*].IssuerOfPatientID=HIS'",
    ),
    (
        "Take an element away wherever it is, and all private ones.",
        "dcmtools modify ct.dcm -ea PatientBirthDate -ep --no-backup",
    ),
    (
        "Edit only the CT images of a folder.",
        "dcmtools modify study --if Modality=CT -i BodyPartExamined=KNEE",
    ),
    (
        "Make a study a new one; what refers to it follows.",
        "dcmtools modify study --new-uids study,series,instance -o copy",
    ),
    (
        "Put all text into UTF-8, and set a name that needs it.",
        "dcmtools modify ct.dcm --charset utf8 -i PatientName=山田^太郎",
    ),
    (
        "Set a private element; its block is found or reserved.",
        "dcmtools modify ct.dcm -i '(0009,\"ACME 1.1\",01)=7' --vr LO",
    ),
    (
        "Do what a script says.",
        """printf '%s\\n' 'modify PatientID=4711' 'erase PatientComments' > edits.txt
dcmtools modify study --script edits.txt --ignore-missing""",
    ),
)


def _operation(letters: str, name: str, what: str, text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        f"-{letters}", f"--{name}", metavar=what, help=text, show_default=False
    )
    return option


def modify(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH...", help="Files and folders; - is stdin, with -o."),
    ] = None,
    insert: Annotated[
        list[str] | None,
        _operation("i", "insert", "TAGPATH=V", "Set an element; make it where it is missing."),
    ] = None,
    modify: Annotated[
        list[str] | None,
        _operation("m", "modify", "TAGPATH=V", "Set an element that is there."),
    ] = None,
    erase: Annotated[
        list[str] | None, _operation("e", "erase", "TAGPATH", "Take an element or an item away.")
    ] = None,
    erase_all: Annotated[
        list[str] | None, _operation("ea", "erase-all", "TAG", "Take an element away everywhere.")
    ] = None,
    modify_all: Annotated[
        list[str] | None,
        _operation("ma", "modify-all", "TAG=V", "Set an element wherever it is."),
    ] = None,
    erase_private: Annotated[
        bool, typer.Option("-ep", "--erase-private", help="Take all private elements away.")
    ] = False,
    insert_from: Annotated[
        list[str] | None,
        _operation("if", "insert-from", "TAGPATH=FILE", "Like -i, with what is in FILE."),
    ] = None,
    modify_from: Annotated[
        list[str] | None,
        _operation("mf", "modify-from", "TAGPATH=FILE", "Like -m, with what is in FILE."),
    ] = None,
    script: Annotated[
        list[str] | None,
        typer.Option("--script", metavar="FILE", help="Do what FILE says, an operation a line."),
    ] = None,
    vr: Annotated[
        list[str] | None,
        typer.Option("--vr", metavar="VR", help="The VR of what the dictionary does not know."),
    ] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option("--if", metavar="COND", help="Edit only what meets COND; repeatable."),
    ] = None,
    renew: Annotated[
        str | None,
        typer.Option("--new-uids", metavar="KINDS", help="New UIDs: study,series,instance."),
    ] = None,
    charset: Annotated[
        str, typer.Option("--charset", metavar="CS", help="Put all text into a character set.")
    ] = "",
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="OUT", help="Write to a file or folder instead."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that are there already.")
    ] = False,
    backup: Annotated[
        bool, typer.Option("--backup/--no-backup", " /-nb", help="Keep FILE as FILE.bak.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("-n", "--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    format: Annotated[  # noqa: A002 - the name of the option
        Shape | None,
        typer.Option("-f", "--format", help="How --dry-run shows it.", show_default=False),
    ] = None,
    create: Annotated[
        bool, typer.Option("--create", "+fc", help="Make files that are not there.")
    ] = False,
    ignore_missing: Annotated[
        bool,
        typer.Option("--ignore-missing", "-imt", help="Go on where there is nothing to edit."),
    ] = False,
    validate: Annotated[
        bool, typer.Option("--validate/--no-validate", help="Check new values.")
    ] = True,
    fsync: Annotated[
        bool, typer.Option("--fsync/--no-fsync", help="Wait until files are on stable storage.")
    ] = True,
    files_from: FilesFrom = None,
    null: Null = False,
    recurse: Recurse = True,
    jobs: Jobs = 0,
    report: Report = None,
    fail_fast: FailFast = False,
) -> None:
    """Edit the headers of files: insert, modify, erase, and nothing else changes.

    Operations are done in the order in which they are typed. A path names an element by keyword,
    (gggg,eeee) or (gggg,"CREATOR",ee); Sequence[0].Element is one in an item, [*] is every item.
    Several values have backslashes between them. A file in which something cannot be done is not
    written; the others are. What is not edited stays byte for byte as it is. COND is PATH, !PATH,
    PATH=VALUE, PATH~PATTERN, PATH<NUMBER and the like.
    """
    del insert, modify, erase, erase_all, modify_all, erase_private, insert_from, modify_from, vr
    settings = context.ensure_object(Settings)
    check_distinct(report=report, log_file=settings.log_file)
    check_stdin(script=script, files_from=files_from, paths=paths)
    rules = Rules(validate, binary=True, charset_hint="--charset utf8 makes all text UTF-8.")
    levels = read_levels(renew)
    wanted = Wanted(
        operations=read_operations(context.command, rules),
        conditions=read_conditions(condition),
        manner=Manner(rules, ignore_missing, vr_hint="Say what it is with --vr VR."),
        uids=new_uids(levels),
        levels=levels,
        charset=read_charset(charset),
    )
    check_together(wanted, format, dry_run=dry_run)
    items = operands(paths or (), files_from, null=null, recurse=recurse)
    plan = plan_outputs(items, paths or (), output)
    work = ModifyWork(
        wanted,
        Destination(output, backup, overwrite, fsync),
        (format or Shape.TEXT) if dry_run else None,
        create,
        settings.stdout_color,
        config.load(os.environ).max_inflated or DEFAULT_MAX_INFLATED,
    )
    many = is_batch(paths or (), items, files_from)
    batch = Batch("modify", "would be modified" if dry_run else "modified", settings, report)
    edit(plan, work, batch, jobs=jobs, fail_fast=fail_fast, many=many)
    raise typer.Exit(batch.finish(summary=many))
