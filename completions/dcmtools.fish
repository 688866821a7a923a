# Completion of dcmtools for fish.
# Made by "python -m dcmtools.cli._generate"; changes belong there.

function __dcmtools_takes_value -d 'Tell whether a command and an option ask for a value'
    switch $argv[1]
        case :--log-file :--color dump:-P dump:+P dump:--path dump:-f dump:--format dump:--bulk dump:--bulk-size dump:--depth dump:--width dump:--assume-charset dump:--files-from dump:-j dump:--jobs dump:--report dump:--log-file dump:--color
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
complete -c dcmtools -n '__dcmtools_operand "" 0 0' -a dump -d 'Show what DICOM files hold, as text, tree, JSON, tables or XML'
complete -c dcmtools -n '__dcmtools_in ""' -l version -d 'Print the version'
complete -c dcmtools -n '__dcmtools_in ""' -s v -l verbose -d 'Say what is being done; -vv how'
complete -c dcmtools -n '__dcmtools_in ""' -s q -l quiet -d 'Say nothing but errors'
complete -c dcmtools -n '__dcmtools_in ""' -l log-file -r -F -d 'Write messages to FILE too'
complete -c dcmtools -n '__dcmtools_in ""' -l color -x -a 'auto always never' -d 'When to use colour; NO_COLOR is heeded'
complete -c dcmtools -n '__dcmtools_in ""' -s h -l help -d 'Show this message and exit'
complete -c dcmtools -n '__dcmtools_in dump' -s P -l path -x -a '(__dcmtools_ask keywords)' -d 'Show only this element; repeatable'
complete -c dcmtools -n '__dcmtools_after dump +P' -a '(__dcmtools_ask keywords)'
complete -c dcmtools -n '__dcmtools_in dump' -s f -l format -x -a 'text tree json ndjson csv tsv xml value' -d 'How to show it; tree on a terminal, else text'
complete -c dcmtools -n '__dcmtools_in dump' -l value -d 'Print bare values, one a line: -f value'
complete -c dcmtools -n '__dcmtools_in dump' -l simple -d 'JSON with keywords and plain values'
complete -c dcmtools -n '__dcmtools_in dump' -l bulk -x -a 'omit uri inline' -d 'What becomes of long binary values; uri in JSON, else omit'
complete -c dcmtools -n '__dcmtools_in dump' -l bulk-size -x -d 'What counts as long'
complete -c dcmtools -n '__dcmtools_in dump' -l private -d 'Show private elements'
complete -c dcmtools -n '__dcmtools_in dump' -l no-private -d 'The opposite of --private'
complete -c dcmtools -n '__dcmtools_in dump' -l meta -d 'Show the file meta group; by default in text and tree'
complete -c dcmtools -n '__dcmtools_in dump' -l no-meta -d 'The opposite of --meta'
complete -c dcmtools -n '__dcmtools_in dump' -l depth -x -d 'Show items deeper than N sequences empty'
complete -c dcmtools -n '__dcmtools_in dump' -l width -x -d 'Cut values in text; 0 for never'
complete -c dcmtools -n '__dcmtools_in dump' -s H -l no-filename -d 'Do not print the names of files'
complete -c dcmtools -n '__dcmtools_in dump' -l uid-names -d 'Show well-known UIDs by name'
complete -c dcmtools -n '__dcmtools_in dump' -o Un -l no-uid-names -d 'The opposite of --uid-names'
complete -c dcmtools -n '__dcmtools_in dump' -l assume-charset -x -d 'The character set of files that name none'
complete -c dcmtools -n '__dcmtools_in dump' -l fail-empty -d 'Exit with 10 when nothing is selected'
complete -c dcmtools -n '__dcmtools_in dump' -l files-from -r -F -d 'Read the names of files from FILE, - for stdin'
complete -c dcmtools -n '__dcmtools_in dump' -s 0 -l null -d 'Names in --files-from end with NUL, not newline'
complete -c dcmtools -n '__dcmtools_in dump' -l recurse -d 'Walk folders within folders too'
complete -c dcmtools -n '__dcmtools_after dump +r'
complete -c dcmtools -n '__dcmtools_in dump' -s r -l no-recurse -d 'The opposite of --recurse'
complete -c dcmtools -n '__dcmtools_in dump' -s j -l jobs -x -d 'Processes to use; 0 chooses'
complete -c dcmtools -n '__dcmtools_in dump' -l report -r -F -d 'Write a line of JSON about each file to FILE'
complete -c dcmtools -n '__dcmtools_in dump' -l fail-fast -d 'Stop at the first file that fails'
complete -c dcmtools -n '__dcmtools_in dump' -s v -l verbose -d 'Say what is being done; -vv how'
complete -c dcmtools -n '__dcmtools_in dump' -s q -l quiet -d 'Say nothing but errors'
complete -c dcmtools -n '__dcmtools_in dump' -l log-file -r -F -d 'Write messages to FILE too'
complete -c dcmtools -n '__dcmtools_in dump' -l color -x -a 'auto always never' -d 'When to use colour; NO_COLOR is heeded'
complete -c dcmtools -n '__dcmtools_in dump' -s h -l help -d 'Show this message and exit'
complete -c dcmtools -n '__dcmtools_operand dump 0 9999' -F
