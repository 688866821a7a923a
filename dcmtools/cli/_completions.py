"""Decide what the shells complete: scripts for bash, zsh and fish made from the commands.

All that can be known beforehand is written into the scripts, so that completing an option starts
no program; for the rest, keywords and peers, they ask ``dcmtools __complete``.
"""

from collections.abc import Iterator
from typing import NamedTuple

from typer.core import TyperArgument, TyperGroup, TyperOption

from dcmtools.cli._tree import all_names, choices, metavar, operands, options, spellings

_ORIGIN = 'Made by "python -m dcmtools.cli._generate"; changes belong there.'

_BASH = r"""# Completion of dcmtools for bash, from 3.2 on.
# @origin@

# Look up what belongs to a command and an option, or the number of an operand.
_dcmtools_look_up() {
    kind=words words=
    case $1 in
@table@
        *) kind=flag ;;
    esac
}

_dcmtools() {
    local IFS=$' \t\n' current=${COMP_WORDS[COMP_CWORD]} glued=
    local command= option= ended= kind= words= word i
    local -i position=0
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $option ]]; then
            # Bash takes --path=X for three words.
            [[ $word == '=' ]] || option=
        elif [[ $word == -- && ! $ended ]]; then
            ended=1
        elif [[ $word == [-+]?* && ! $ended ]]; then
            _dcmtools_look_up "$command:$word"
            [[ $kind != flag && $word != *=* ]] && option=$word
        elif [[ ! $command ]]; then
            command=$word
        else
            position+=1
        fi
    done
    if [[ $option && $current == '=' ]]; then
        current=
    elif [[ ! $option && ! $ended && $current == --*=* ]]; then
        option=${current%%=*} glued=${current%%=*}= current=${current#*=}
    fi
    if [[ $option ]]; then
        _dcmtools_look_up "$command:$option"
    elif [[ $current == [-+]* && ! $ended ]]; then
        _dcmtools_look_up "$command:options"
    else
        _dcmtools_look_up "$command:$position"
    fi
    # What is typed may be in quotes; readline sees to those itself.
    current=${current#[\'\"]} current=${current//\\/}
    COMPREPLY=()
    case $kind in
        files) return ;;
        folders) compopt -o dirnames 2>/dev/null ;;
        words)
            while IFS= read -r word; do
                COMPREPLY+=("$glued$word")
            done < <(compgen -W "$words" -- "$current")
            ;;
        keywords | peers)
            while IFS= read -r word; do
                COMPREPLY+=("$glued$word")
            done < <("${1/#\~/$HOME}" __complete "$kind" "$current" 2>/dev/null)
            ;;
    esac
    # The default, the names of files, is right only where files are asked for.
    compopt +o default +o bashdefault 2>/dev/null
}

complete -o bashdefault -o default -F _dcmtools dcmtools
"""

_ZSH = r"""#compdef dcmtools
# Completion of dcmtools for zsh.
# @origin@

_dcmtools_ask() {
  local -a found expl
  found=(${(f)"$(${~program} __complete $1 ${(Q)PREFIX} 2>/dev/null)"})
  _wanted $1 expl $2 compadd -M 'm:{[:lower:]}={[:upper:]}' -a found
}

_dcmtools_commands() {
  local -a commands=(
@commands@
  )
  _describe -t commands command commands
}

_dcmtools() {
  local curcontext=$curcontext program=${(Q)words[1]} state state_descr ret=1
  local -a line
  local -A opt_args
  _arguments -C -S : \
@globals@
    '(-)1:command:_dcmtools_commands' \
    '(-)*:: :->operands' && ret=0
  if [[ $state == operands ]]; then
    curcontext=${curcontext%:*}-$words[1]:
    case $words[1] in
@cases@
    esac
  fi
  return ret
}

# Loaded by compinit this file is the body of the function; sourced, it only defines it.
if [[ $funcstack[1] == _dcmtools ]]; then
  _dcmtools "$@"
else
  compdef _dcmtools dcmtools
fi
"""

_FISH = r"""# Completion of dcmtools for fish.
# @origin@

function __dcmtools_takes_value -d 'Tell whether a command and an option ask for a value'
    switch $argv[1]
        case @valued@
            return 0
    end
    return 1
end

function __dcmtools_state -d 'Print the command, the number of operands and the open option'
    set -l words (commandline -opc)
    set -l command ''
    set -l position 0
    set -l option ''
    set -l ended ''
    for word in $words[2..-1]
        if test -n "$option"
            set option ''
        else if test "$word" = --; and test -z "$ended"
            set ended 1
        else if string match -qr -- '^[-+].' $word; and test -z "$ended"
            __dcmtools_takes_value $command:$word
            and set option $word
        else if test -z "$command"
            set command $word
        else
            set position (math $position + 1)
        end
    end
    printf '%s\n' "$command" $position "$option"
end

function __dcmtools_in -d 'Tell whether a command is being typed'
    set -l state (__dcmtools_state)
    test "$state[1]" = "$argv[1]"
end

function __dcmtools_operand -d 'Tell whether an operand between two numbers is being typed'
    set -l state (__dcmtools_state)
    test "$state[1]" = "$argv[1]" -a -z "$state[3]"
    and test $state[2] -ge $argv[2] -a $state[2] -le $argv[3]
end

function __dcmtools_after -d 'Tell whether the value of an option is being typed'
    set -l state (__dcmtools_state)
    test "$state[1]" = "$argv[1]" -a "$state[3]" = "$argv[2]"
end

function __dcmtools_ask -d 'Print the words that only the program knows'
    set -l words (commandline -opc)
    set -l typed (commandline -ct | string replace -r -- '^(--[^=]*=|-\w)' '')
    set typed (string trim -l -c '\'"' -- $typed | string replace -a -- '\\' '')
    set -l program (string replace -r -- '^~' $HOME $words[1])
    $program __complete $argv[1] "$typed" 2>/dev/null
end

complete -c dcmtools -f
@rules@
"""


class _Flag(NamedTuple):
    """An option as it is completed: names for one and the same thing."""

    names: list[str]
    text: str
    kind: str
    """What follows: flag for nothing, words, files, folders, keywords, peers, or text."""
    value: str = ""
    words: tuple[str, ...] = ()
    repeatable: bool = False
    opposites: tuple[str, ...] = ()
    ends: bool = False
    """Whether nothing else counts beside it."""


def scripts(group: TyperGroup) -> dict[str, str]:
    """Make the completion scripts.

    Parameters
    ----------
    group : TyperGroup
        The program.

    Returns
    -------
    dict of str to str
        The script by the name of its file.
    """
    return {
        "dcmtools.bash": _bash(group),
        "_dcmtools": _zsh(group),
        "dcmtools.fish": _fish(group),
    }


def _filled(template: str, **parts: str) -> str:
    for name, text in {"origin": _ORIGIN, **parts}.items():
        template = template.replace(f"@{name}@", text)
    return template


def _kind(parameter: TyperOption | TyperArgument) -> str:
    """Tell what the value of a parameter is."""
    name = metavar(parameter)
    if not name:
        return "flag"
    if choices(parameter):
        return "words"
    starts = {"TAGPATH": "keywords", "PEER": "peers", "DIR": "folders"}
    starts |= {"FILE": "files", "PATH": "files"}
    return next((kind for start, kind in starts.items() if name.startswith(start)), "text")


def _flags(listed: list[TyperOption]) -> Iterator[_Flag]:
    for option in listed:
        positive = spellings(option.opts)
        yield _Flag(
            positive,
            " ".join((option.help or "").split()),
            _kind(option),
            metavar(option),
            choices(option),
            repeatable=option.multiple or option.count,
            opposites=tuple(option.secondary_opts),
            ends=option.is_eager,
        )
        if option.secondary_opts:
            text = f"The opposite of {positive[-1]}."
            negative = spellings(option.secondary_opts)
            yield _Flag(negative, text, "flag", opposites=tuple(option.opts))


def _summary(text: str | None) -> str:
    return " ".join((text or "").partition("\n\n")[0].split())


def _of_each(group: TyperGroup) -> dict[str, tuple[list[_Flag], list[TyperArgument]]]:
    """List options and operands by command, those of the program itself under ""."""
    found = {"": (list(_flags(options(group))), list[TyperArgument]())}
    for name, command in all_names(group).items():
        found[name] = (list(_flags(options(group, command))), operands(command))
    return found


def _bash(group: TyperGroup) -> str:
    rows = [f"        :0) words='{' '.join(all_names(group))}' ;;"]
    for command, (flags, arguments) in _of_each(group).items():
        names = " ".join(name for flag in flags for name in flag.names)
        rows.append(f"        {command}:options) words='{names}' ;;")
        for flag in (flag for flag in flags if flag.kind != "flag"):
            keys = " | ".join(f"{command}:{name}" for name in flag.names)
            what = f"words='{' '.join(flag.words)}'" if flag.words else f"kind={flag.kind}"
            rows.append(f"        {keys}) {what} ;;")
        for number, argument in enumerate(arguments):
            key = str(number) if argument.nargs == 1 else "[0-9]*"
            words = " ".join(choices(argument))
            what = f"words='{words}'" if words else f"kind={_kind(argument)}"
            rows.append(f"        {command}:{key}) {what} ;;")
    return _filled(_BASH, table="\n".join(rows))


def _zsh(group: TyperGroup) -> str:
    listed = [
        f"    {_quoted(f'{name}:{_summary(command.help)}')}"
        for name, command in all_names(group).items()
    ]
    each = _of_each(group)
    cases = []
    for command, (flags, arguments) in each.items():
        if command:
            lines = [_zsh_option(flag) for flag in flags]
            for number, argument in enumerate(arguments, 1):
                place = str(number) if argument.nargs == 1 else "*"
                action = _zsh_action(_kind(argument), metavar(argument), choices(argument))
                lines.append(_quoted(f"{place}:{action}"))
            joined = " \\\n          ".join(lines)
            cases.append(f"      {command})\n        _arguments -S : \\\n          {joined}")
            cases[-1] += " && ret=0\n        ;;"
    return _filled(
        _ZSH,
        commands="\n".join(listed),
        globals="\n".join(f"    {_zsh_option(flag)} \\" for flag in each[""][0]),
        cases="\n".join(cases),
    )


def _zsh_option(flag: _Flag) -> str:
    """Write an option as ``_arguments`` wants it."""
    others = [*flag.names, *flag.opposites]
    if flag.ends:
        others = ["-", ":", "*"]
    excluded = "*" if flag.repeatable else f"({' '.join(others)})"
    ends = {True: "=", False: "+"} if flag.kind != "flag" else {True: "", False: ""}
    names = [f"{name}{ends[name.startswith('--')]}" for name in flag.names]
    spelled = f"{{{','.join(names)}}}" if len(names) > 1 else names[0]
    text = flag.text.rstrip(".").replace("\\", "\\\\").replace("[", r"\[").replace("]", r"\]")
    value = _zsh_action(flag.kind, flag.value, flag.words)
    return f"{_quoted(excluded)}{spelled}{_quoted(f'[{text}]' + (f':{value}' if value else ''))}"


def _zsh_action(kind: str, value: str, words: tuple[str, ...]) -> str:
    """Write what completes a value, after what it is called."""
    called = value.lower().replace(":", r"\:") if kind != "words" else "choice"
    return {
        "flag": "",
        "words": f"{called}:({' '.join(words)})",
        "files": f"{called}:_files",
        "folders": f"{called}:_files -/",
        "keywords": f"{called}: _dcmtools_ask keywords keyword",
        "peers": f"{called}: _dcmtools_ask peers peer",
        "text": f"{called}: ",
    }[kind]


def _fish(group: TyperGroup) -> str:
    valued, rules = [], []
    for name, each in all_names(group).items():
        words = f"-a {name} -d {_quoted(_summary(each.help).rstrip('.'))}"
        rules.append(f"complete -c dcmtools -n '__dcmtools_operand \"\" 0 0' {words}")
    for command, (flags, arguments) in _of_each(group).items():
        for flag in flags:
            if flag.kind != "flag":
                valued += [f"{command}:{name}" for name in flag.names]
            rules += _fish_rules(command or '""', flag)
        for number, argument in enumerate(arguments):
            last = number if argument.nargs == 1 else 9999
            condition = f"'__dcmtools_operand {command} {number} {last}'"
            what = _fish_value(_kind(argument), choices(argument))
            rules += [f"complete -c dcmtools -n {condition}{what}"] if what else []
    return _filled(_FISH, valued=" ".join(valued), rules="\n".join(rules))


def _fish_rules(command: str, flag: _Flag) -> Iterator[str]:
    kinds = {1: "-s", 2: "-l"}
    names = []
    for name in flag.names:
        dashes = len(name) - len(name.lstrip("-"))
        if dashes:
            old_style = dashes == 1 and len(name) > 2  # noqa: PLR2004 - a dash and a letter
            names.append(f"{'-o' if old_style else kinds[dashes]} {name[dashes:]}")
    value = _fish_value(flag.kind, flag.words)
    needs = {"flag": "", "files": " -r", "text": " -x"}.get(flag.kind, " -x")
    text = _quoted(flag.text.rstrip("."))
    what = f"{' '.join(names)}{needs}{value} -d {text}"
    yield f"complete -c dcmtools -n '__dcmtools_in {command}' {what}"
    # For fish only what starts with a dash is an option.
    for name in flag.names:
        if not name.startswith("-"):
            condition = f"-n '__dcmtools_after {command} {name}'"
            yield f"complete -c dcmtools {condition}{value}"


def _fish_value(kind: str, words: tuple[str, ...]) -> str:
    return {
        "words": f" -a {_quoted(' '.join(words))}",
        "files": " -F",
        "folders": " -a '(__fish_complete_directories)'",
        "keywords": " -a '(__dcmtools_ask keywords)'",
        "peers": " -a '(__dcmtools_ask peers)'",
    }.get(kind, "")


def _quoted(text: str) -> str:
    """Quote for zsh and fish alike."""
    return "'" + text.replace("'", r"'\''") + "'"
