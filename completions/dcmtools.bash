# Completion of dcmtools for bash, from 3.2 on.
# Made by "python -m dcmtools.cli._generate"; changes belong there.

# Look up what belongs to a command and an option, or the number of an operand.
_dcmtools_look_up() {
    kind=words words=
    case $1 in
        :0) words='dump' ;;
        :options) words='--version -v --verbose -q --quiet --log-file --color -h --help' ;;
        :--log-file) kind=files ;;
        :--color) words='auto always never' ;;
        dump:options) words='-P +P --path -f --format --value --simple --bulk --bulk-size --private --no-private --meta --no-meta --depth --width -H --no-filename --uid-names -Un --no-uid-names --assume-charset --fail-empty --files-from -0 --null +r --recurse -r --no-recurse -j --jobs --report --fail-fast -v --verbose -q --quiet --log-file --color -h --help' ;;
        dump:-P | dump:+P | dump:--path) kind=keywords ;;
        dump:-f | dump:--format) words='text tree json ndjson csv tsv xml value' ;;
        dump:--bulk) words='omit uri inline' ;;
        dump:--bulk-size) kind=text ;;
        dump:--depth) kind=text ;;
        dump:--width) kind=text ;;
        dump:--assume-charset) kind=text ;;
        dump:--files-from) kind=files ;;
        dump:-j | dump:--jobs) kind=text ;;
        dump:--report) kind=files ;;
        dump:--log-file) kind=files ;;
        dump:--color) words='auto always never' ;;
        dump:[0-9]*) kind=files ;;
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
