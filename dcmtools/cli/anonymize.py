"""The command ``anonymize``: take out of files who the patient is (PS3.15 Annex E)."""

from pathlib import Path
from typing import Annotated

import typer

from dcmtools.cli._batch import operands
from dcmtools.cli._deidentification import Asked, Run, explain
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
from dcmtools.deid.burned_in import BurnedIn
from dcmtools.deid.keys import DEFAULT_MAX_SHIFT
from dcmtools.deid.recipe import TEMPLATES, template
from dcmtools.output.emit import Output

EXAMPLES = (
    (
        "Take out all that the Basic Profile names; the key is random and forgotten.",
        "dcmtools anonymize study -o shared",
    ),
    (
        "Give the same patients the same pseudonyms in every run.",
        """head -c 32 /dev/urandom | base64 > study.key && chmod 600 study.key
dcmtools anonymize study -o shared --key-file study.key""",
    ),
    (
        "Keep intervals between dates, and what describes the images.",
        "dcmtools anonymize study -o shared --retain dates-shifted --clean descriptors",
    ),
    (
        "Begin with a recipe that comes with the program.",
        """dcmtools anonymize --template research > research.toml
dcmtools anonymize study -o shared --recipe research.toml""",
    ),
    (
        "Keep a map of who is who, for the way back.",
        "dcmtools anonymize study -o shared --map study-map.ndjson",
    ),
    (
        "Blacken the top of ultrasound pictures, and refuse what may show text else.",
        "dcmtools anonymize study -o shared --region '0,0,*,40@Modality=US' --on-burned-in fail",
    ),
    (
        "See what would change, and write nothing.",
        "dcmtools anonymize study -n --diff",
    ),
    (
        "Ask what becomes of an attribute, and which row of the standard says so.",
        "dcmtools anonymize --explain PatientBirthDate --retain dates-shifted",
    ),
)  # fmt: skip


def anonymize(
    context: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Files and folders.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="The folder to write to."),
    ] = None,
    retain: Annotated[
        list[str] | None,
        typer.Option(
            "--retain",
            metavar="LIST",
            help="Keep uids, device, institution, patient, dates, dates-shifted, safe-private.",
        ),
    ] = None,
    clean: Annotated[
        list[str] | None,
        typer.Option(
            "--clean",
            metavar="LIST",
            help="Clean, and do not remove: descriptors, structured, graphics, pixels.",
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option("--recipe", metavar="FILE", help="Rules on top of the profile, in TOML."),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file", metavar="FILE", help="The same key gives the same results in every run."
        ),
    ] = None,
    patient_map: Annotated[
        Path | None,
        typer.Option("--patient-map", metavar="FILE", help="New identifiers, as CSV with old,new."),
    ] = None,
    max_shift: Annotated[
        int, typer.Option("--max-shift", metavar="DAYS", help="How far dates move at most.")
    ] = DEFAULT_MAX_SHIFT,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="TEMPLATE", help="Names of outputs, made of their new values."
        ),
    ] = None,
    uid_root: Annotated[
        str, typer.Option("--uid-root", metavar="ROOT", help="What new UIDs begin with; 2.25.")
    ] = "",
    map_file: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE", help="Write who is who, for reidentify."),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(
            "--region", metavar="X,Y,W,H[@COND]", help="Blacken a part of pictures; repeatable."
        ),
    ] = None,
    on_burned_in: Annotated[
        BurnedIn,
        typer.Option("--on-burned-in", help="What becomes of pictures that may show text."),
    ] = BurnedIn.WARN,
    dry_run: Annotated[
        bool, typer.Option("-n", "--dry-run", help="Write nothing; say what would fail.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what changes, true values included.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify/--no-verify", help="Read each output again, by other code."),
    ] = True,
    quarantine: Annotated[
        Path | None,
        typer.Option(
            "--quarantine", metavar="DIR", help="Keep outputs there that verification refuses."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in a folder that has outputs; with --key-file.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that are there already.")
    ] = False,
    fsync: Annotated[
        bool, typer.Option("--fsync/--no-fsync", help="Wait until files are on stable storage.")
    ] = True,
    explain_path: Annotated[
        str | None,
        typer.Option(
            "--explain", metavar="TAGPATH", help="Say what becomes of an element, and why."
        ),
    ] = None,
    template_name: Annotated[
        str | None,
        typer.Option(
            "--template",
            metavar=f"[{'|'.join(TEMPLATES)}]",
            help="Print a recipe to begin with.",
        ),
    ] = None,
    files_from: FilesFrom = None,
    null: Null = False,
    recurse: Recurse = True,
    jobs: Jobs = 0,
    report: Report = None,
    fail_fast: FailFast = False,
) -> None:
    """Take out of files who the patient is (PS3.15 Annex E).

    The Basic Profile is applied at every depth, with its options on request: UIDs, pseudonyms and
    shifted dates are made by a key, so that nobody without it can guess them. What the standard
    does not list is searched for what identifies the patient. Each output is read again by other
    code; one that is not as it should be is not written. Pixels are not looked at: text that is
    burned into pictures stays, but for regions, and so do faces. Files are read only; names of
    outputs are made of new values.
    """
    settings = context.ensure_object(Settings)
    asked = Asked(
        output=output,
        retain=tuple(retain or ()),
        clean=tuple(clean or ()),
        recipe=recipe,
        key_file=key_file,
        patient_map=patient_map,
        max_shift=max_shift,
        name=name,
        uid_root=uid_root,
        map_file=map_file,
        regions=tuple(region or ()),
        on_burned_in=on_burned_in,
        dry_run=dry_run,
        diff=diff,
        verify=verify,
        quarantine=quarantine,
        resume=resume,
        overwrite=overwrite,
        fsync=fsync,
    )
    if template_name is not None or explain_path is not None:
        with Output() as out:
            out.write(template(template_name) if template_name else explain(asked, explain_path))
        return
    check_distinct(map=map_file, report=report, log_file=settings.log_file)
    items = operands(paths or (), files_from, null=null, recurse=recurse)
    run = Run(asked, settings, report)
    raise typer.Exit(run.go(items, paths or (), jobs=jobs, fail_fast=fail_fast))
