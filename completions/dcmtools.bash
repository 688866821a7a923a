# Completion of dcmtools for bash, from 3.2 on.
# Made by "python -m dcmtools.cli._generate"; changes belong there.

# Look up what belongs to a command and an option, or the number of an operand.
_dcmtools_look_up() {
    kind=words words=
    case $1 in
        :0) words='anonymize convert dump echo find get image modify move peers reidentify send store storescp' ;;
        :options) words='--version -v --verbose -q --quiet --log-file --color -h --help' ;;
        :--log-file) kind=files ;;
        :--color) words='auto always never' ;;
        anonymize:options) words='-o --output --retain --clean --recipe --key-file --patient-map --max-shift --name --uid-root --map --region --on-burned-in -n --dry-run --diff --verify --no-verify --quarantine --resume --overwrite --fsync --no-fsync --explain --template --files-from -0 --null +r --recurse -r --no-recurse -j --jobs --report --fail-fast -v --verbose -q --quiet --log-file --color -h --help' ;;
        anonymize:-o | anonymize:--output) kind=folders ;;
        anonymize:--retain) kind=text ;;
        anonymize:--clean) kind=text ;;
        anonymize:--recipe) kind=files ;;
        anonymize:--key-file) kind=files ;;
        anonymize:--patient-map) kind=files ;;
        anonymize:--max-shift) kind=text ;;
        anonymize:--name) kind=text ;;
        anonymize:--uid-root) kind=text ;;
        anonymize:--map) kind=files ;;
        anonymize:--region) kind=text ;;
        anonymize:--on-burned-in) words='warn skip fail' ;;
        anonymize:--quarantine) kind=folders ;;
        anonymize:--explain) kind=keywords ;;
        anonymize:--template) words='research sharing trial teaching' ;;
        anonymize:--files-from) kind=files ;;
        anonymize:-j | anonymize:--jobs) kind=text ;;
        anonymize:--report) kind=files ;;
        anonymize:--log-file) kind=files ;;
        anonymize:--color) words='auto always never' ;;
        anonymize:[0-9]*) kind=files ;;
        convert:options) words='-o --output --to --decompress --ratio --quality --verify --overwrite --resume --fsync --no-fsync --files-from -0 --null +r --recurse -r --no-recurse -j --jobs --report --fail-fast -v --verbose -q --quiet --log-file --color -h --help' ;;
        convert:-o | convert:--output) kind=text ;;
        convert:--to) kind=text ;;
        convert:--ratio) kind=text ;;
        convert:--quality) kind=text ;;
        convert:--files-from) kind=files ;;
        convert:-j | convert:--jobs) kind=text ;;
        convert:--report) kind=files ;;
        convert:--log-file) kind=files ;;
        convert:--color) words='auto always never' ;;
        convert:[0-9]*) kind=files ;;
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
        echo:options) words='--all -f --format --repeat --interval --wait --probe -aet --aet -aec --called-aet --timeout --acse-timeout --dimse-timeout -pdu --max-pdu --tls --tls-ca --tls-cert --tls-key --tls-insecure --user --password-file --jwt-file --saml-file --kerberos-file --check-identity -v --verbose -q --quiet --log-file --color -h --help' ;;
        echo:-f | echo:--format) words='text json' ;;
        echo:--repeat) kind=text ;;
        echo:--interval) kind=text ;;
        echo:--wait) kind=text ;;
        echo:-aet | echo:--aet) kind=text ;;
        echo:-aec | echo:--called-aet) kind=text ;;
        echo:--timeout) kind=text ;;
        echo:--acse-timeout) kind=text ;;
        echo:--dimse-timeout) kind=text ;;
        echo:-pdu | echo:--max-pdu) kind=text ;;
        echo:--tls-ca) kind=files ;;
        echo:--tls-cert) kind=files ;;
        echo:--tls-key) kind=files ;;
        echo:--user) kind=text ;;
        echo:--password-file) kind=files ;;
        echo:--jwt-file) kind=files ;;
        echo:--saml-file) kind=files ;;
        echo:--kerberos-file) kind=files ;;
        echo:--log-file) kind=files ;;
        echo:--color) words='auto always never' ;;
        echo:[0-9]*) kind=peers ;;
        find:options) words='-f --format --simple --only --limit --each -X --write --relational --datetime --fuzzy --fail-empty -S --study-root -P --patient-root -O --patient-study-only -W --worklist --ups --model -L --level -k --key --patient-id --patient-name --birth-date --date --time --modality --accession --study --series --instance --station-aet --sps-date --charset --assume-charset -aet --aet -aec --called-aet --timeout --acse-timeout --dimse-timeout -pdu --max-pdu --tls --tls-ca --tls-cert --tls-key --tls-insecure --user --password-file --jwt-file --saml-file --kerberos-file --check-identity -v --verbose -q --quiet --log-file --color -h --help' ;;
        find:-f | find:--format) words='table tsv csv json ndjson xml' ;;
        find:--limit) kind=text ;;
        find:--each) kind=files ;;
        find:-X | find:--write) kind=folders ;;
        find:--model) kind=text ;;
        find:-L | find:--level) words='patient study series image' ;;
        find:-k | find:--key) kind=keywords ;;
        find:--patient-id) kind=text ;;
        find:--patient-name) kind=text ;;
        find:--birth-date) kind=text ;;
        find:--date) kind=text ;;
        find:--time) kind=text ;;
        find:--modality) kind=text ;;
        find:--accession) kind=text ;;
        find:--study) kind=text ;;
        find:--series) kind=text ;;
        find:--instance) kind=text ;;
        find:--station-aet) kind=text ;;
        find:--sps-date) kind=text ;;
        find:--charset) kind=text ;;
        find:--assume-charset) kind=text ;;
        find:-aet | find:--aet) kind=text ;;
        find:-aec | find:--called-aet) kind=text ;;
        find:--timeout) kind=text ;;
        find:--acse-timeout) kind=text ;;
        find:--dimse-timeout) kind=text ;;
        find:-pdu | find:--max-pdu) kind=text ;;
        find:--tls-ca) kind=files ;;
        find:--tls-cert) kind=files ;;
        find:--tls-key) kind=files ;;
        find:--user) kind=text ;;
        find:--password-file) kind=files ;;
        find:--jwt-file) kind=files ;;
        find:--saml-file) kind=files ;;
        find:--kerberos-file) kind=files ;;
        find:--log-file) kind=files ;;
        find:--color) words='auto always never' ;;
        find:0) kind=peers ;;
        find:[0-9]*) kind=files ;;
        get:options) words='-od --output-dir --sort --skip-existing --verify -j --jobs --report -S --study-root -P --patient-root -O --patient-study-only --model -L --level -k --key --patient-id --patient-name --birth-date --date --time --modality --accession --study --series --instance --charset --assume-charset -aet --aet -aec --called-aet --timeout --acse-timeout --dimse-timeout -pdu --max-pdu --tls --tls-ca --tls-cert --tls-key --tls-insecure --user --password-file --jwt-file --saml-file --kerberos-file --check-identity -v --verbose -q --quiet --log-file --color -h --help' ;;
        get:-od | get:--output-dir) kind=folders ;;
        get:--sort) words='flat study patient' ;;
        get:-j | get:--jobs) kind=text ;;
        get:--report) kind=files ;;
        get:--model) kind=text ;;
        get:-L | get:--level) words='patient study series image' ;;
        get:-k | get:--key) kind=keywords ;;
        get:--patient-id) kind=text ;;
        get:--patient-name) kind=text ;;
        get:--birth-date) kind=text ;;
        get:--date) kind=text ;;
        get:--time) kind=text ;;
        get:--modality) kind=text ;;
        get:--accession) kind=text ;;
        get:--study) kind=text ;;
        get:--series) kind=text ;;
        get:--instance) kind=text ;;
        get:--charset) kind=text ;;
        get:--assume-charset) kind=text ;;
        get:-aet | get:--aet) kind=text ;;
        get:-aec | get:--called-aet) kind=text ;;
        get:--timeout) kind=text ;;
        get:--acse-timeout) kind=text ;;
        get:--dimse-timeout) kind=text ;;
        get:-pdu | get:--max-pdu) kind=text ;;
        get:--tls-ca) kind=files ;;
        get:--tls-cert) kind=files ;;
        get:--tls-key) kind=files ;;
        get:--user) kind=text ;;
        get:--password-file) kind=files ;;
        get:--jwt-file) kind=files ;;
        get:--saml-file) kind=files ;;
        get:--kerberos-file) kind=files ;;
        get:--log-file) kind=files ;;
        get:--color) words='auto always never' ;;
        get:0) kind=peers ;;
        image:options) words='-o --output -f --format +F --frame --window --16bit --size --overlays --sheet --draw --overwrite --fsync --no-fsync --max-frame-bytes --files-from -0 --null +r --recurse -r --no-recurse -j --jobs --report --fail-fast -v --verbose -q --quiet --log-file --color -h --help' ;;
        image:-o | image:--output) kind=text ;;
        image:-f | image:--format) words='png jpeg tiff npy' ;;
        image:+F | image:--frame) kind=text ;;
        image:--window) words='auto file C,W' ;;
        image:--size) kind=text ;;
        image:--draw) words='blocks kitty iterm2 sixel' ;;
        image:--max-frame-bytes) kind=text ;;
        image:--files-from) kind=files ;;
        image:-j | image:--jobs) kind=text ;;
        image:--report) kind=files ;;
        image:--log-file) kind=files ;;
        image:--color) words='auto always never' ;;
        image:[0-9]*) kind=files ;;
        modify:options) words='-i --insert -m --modify -e --erase -ea --erase-all -ma --modify-all -ep --erase-private -if --insert-from -mf --modify-from --script --vr --if --new-uids --charset -o --output --overwrite --backup -nb --no-backup -n --dry-run -f --format +fc --create -imt --ignore-missing --validate --no-validate --fsync --no-fsync --files-from -0 --null +r --recurse -r --no-recurse -j --jobs --report --fail-fast -v --verbose -q --quiet --log-file --color -h --help' ;;
        modify:-i | modify:--insert) kind=keywords ;;
        modify:-m | modify:--modify) kind=keywords ;;
        modify:-e | modify:--erase) kind=keywords ;;
        modify:-ea | modify:--erase-all) kind=text ;;
        modify:-ma | modify:--modify-all) kind=text ;;
        modify:-if | modify:--insert-from) kind=keywords ;;
        modify:-mf | modify:--modify-from) kind=keywords ;;
        modify:--script) kind=files ;;
        modify:--vr) kind=text ;;
        modify:--if) kind=text ;;
        modify:--new-uids) kind=text ;;
        modify:--charset) kind=text ;;
        modify:-o | modify:--output) kind=text ;;
        modify:-f | modify:--format) words='text json ndjson' ;;
        modify:--files-from) kind=files ;;
        modify:-j | modify:--jobs) kind=text ;;
        modify:--report) kind=files ;;
        modify:--log-file) kind=files ;;
        modify:--color) words='auto always never' ;;
        modify:[0-9]*) kind=files ;;
        move:options) words='-aem --to --listen -od --output-dir --sort --skip-existing --verify -j --jobs --report -S --study-root -P --patient-root -O --patient-study-only --model -L --level -k --key --patient-id --patient-name --birth-date --date --time --modality --accession --study --series --instance --charset --assume-charset -aet --aet -aec --called-aet --timeout --acse-timeout --dimse-timeout -pdu --max-pdu --tls --tls-ca --tls-cert --tls-key --tls-insecure --user --password-file --jwt-file --saml-file --kerberos-file --check-identity -v --verbose -q --quiet --log-file --color -h --help' ;;
        move:-aem | move:--to) kind=text ;;
        move:--listen) kind=text ;;
        move:-od | move:--output-dir) kind=folders ;;
        move:--sort) words='flat study patient' ;;
        move:-j | move:--jobs) kind=text ;;
        move:--report) kind=files ;;
        move:--model) kind=text ;;
        move:-L | move:--level) words='patient study series image' ;;
        move:-k | move:--key) kind=keywords ;;
        move:--patient-id) kind=text ;;
        move:--patient-name) kind=text ;;
        move:--birth-date) kind=text ;;
        move:--date) kind=text ;;
        move:--time) kind=text ;;
        move:--modality) kind=text ;;
        move:--accession) kind=text ;;
        move:--study) kind=text ;;
        move:--series) kind=text ;;
        move:--instance) kind=text ;;
        move:--charset) kind=text ;;
        move:--assume-charset) kind=text ;;
        move:-aet | move:--aet) kind=text ;;
        move:-aec | move:--called-aet) kind=text ;;
        move:--timeout) kind=text ;;
        move:--acse-timeout) kind=text ;;
        move:--dimse-timeout) kind=text ;;
        move:-pdu | move:--max-pdu) kind=text ;;
        move:--tls-ca) kind=files ;;
        move:--tls-cert) kind=files ;;
        move:--tls-key) kind=files ;;
        move:--user) kind=text ;;
        move:--password-file) kind=files ;;
        move:--jwt-file) kind=files ;;
        move:--saml-file) kind=files ;;
        move:--kerberos-file) kind=files ;;
        move:--log-file) kind=files ;;
        move:--color) words='auto always never' ;;
        move:0) kind=peers ;;
        peers:options) words='-f --format --check -aet --aet -aec --called-aet --timeout --acse-timeout --dimse-timeout -pdu --max-pdu --tls --tls-ca --tls-cert --tls-key --tls-insecure --user --password-file --jwt-file --saml-file --kerberos-file --check-identity -v --verbose -q --quiet --log-file --color -h --help' ;;
        peers:-f | peers:--format) words='table tsv json' ;;
        peers:-aet | peers:--aet) kind=text ;;
        peers:-aec | peers:--called-aet) kind=text ;;
        peers:--timeout) kind=text ;;
        peers:--acse-timeout) kind=text ;;
        peers:--dimse-timeout) kind=text ;;
        peers:-pdu | peers:--max-pdu) kind=text ;;
        peers:--tls-ca) kind=files ;;
        peers:--tls-cert) kind=files ;;
        peers:--tls-key) kind=files ;;
        peers:--user) kind=text ;;
        peers:--password-file) kind=files ;;
        peers:--jwt-file) kind=files ;;
        peers:--saml-file) kind=files ;;
        peers:--kerberos-file) kind=files ;;
        peers:--log-file) kind=files ;;
        peers:--color) words='auto always never' ;;
        reidentify:options) words='--map -o --output --overwrite --fsync --no-fsync --files-from -0 --null +r --recurse -r --no-recurse -j --jobs --report --fail-fast -v --verbose -q --quiet --log-file --color -h --help' ;;
        reidentify:--map) kind=files ;;
        reidentify:-o | reidentify:--output) kind=text ;;
        reidentify:--files-from) kind=files ;;
        reidentify:-j | reidentify:--jobs) kind=text ;;
        reidentify:--report) kind=files ;;
        reidentify:--log-file) kind=files ;;
        reidentify:--color) words='auto always never' ;;
        reidentify:[0-9]*) kind=files ;;
        send:options) words='-j --jobs --retries --retry-delay --resume --transcode --propose --set --new-uids --dicomdir -n --dry-run --commit --commit-wait --commit-listen --warnings --files-from -0 --null +r --recurse -r --no-recurse --report --fail-fast -aet --aet -aec --called-aet --timeout --acse-timeout --dimse-timeout -pdu --max-pdu --tls --tls-ca --tls-cert --tls-key --tls-insecure --user --password-file --jwt-file --saml-file --kerberos-file --check-identity -v --verbose -q --quiet --log-file --color -h --help' ;;
        send:-j | send:--jobs) kind=text ;;
        send:--retries) kind=text ;;
        send:--retry-delay) kind=text ;;
        send:--resume) kind=files ;;
        send:--transcode) words='never lossless always' ;;
        send:--propose) kind=text ;;
        send:--set) kind=keywords ;;
        send:--commit-wait) kind=text ;;
        send:--commit-listen) kind=text ;;
        send:--warnings) words='ok fail' ;;
        send:--files-from) kind=files ;;
        send:--report) kind=files ;;
        send:-aet | send:--aet) kind=text ;;
        send:-aec | send:--called-aet) kind=text ;;
        send:--timeout) kind=text ;;
        send:--acse-timeout) kind=text ;;
        send:--dimse-timeout) kind=text ;;
        send:-pdu | send:--max-pdu) kind=text ;;
        send:--tls-ca) kind=files ;;
        send:--tls-cert) kind=files ;;
        send:--tls-key) kind=files ;;
        send:--user) kind=text ;;
        send:--password-file) kind=files ;;
        send:--jwt-file) kind=files ;;
        send:--saml-file) kind=files ;;
        send:--kerberos-file) kind=files ;;
        send:--log-file) kind=files ;;
        send:--color) words='auto always never' ;;
        send:0) kind=peers ;;
        send:[0-9]*) kind=files ;;
        store:options) words='-j --jobs --retries --retry-delay --resume --transcode --propose --set --new-uids --dicomdir -n --dry-run --commit --commit-wait --commit-listen --warnings --files-from -0 --null +r --recurse -r --no-recurse --report --fail-fast -aet --aet -aec --called-aet --timeout --acse-timeout --dimse-timeout -pdu --max-pdu --tls --tls-ca --tls-cert --tls-key --tls-insecure --user --password-file --jwt-file --saml-file --kerberos-file --check-identity -v --verbose -q --quiet --log-file --color -h --help' ;;
        store:-j | store:--jobs) kind=text ;;
        store:--retries) kind=text ;;
        store:--retry-delay) kind=text ;;
        store:--resume) kind=files ;;
        store:--transcode) words='never lossless always' ;;
        store:--propose) kind=text ;;
        store:--set) kind=keywords ;;
        store:--commit-wait) kind=text ;;
        store:--commit-listen) kind=text ;;
        store:--warnings) words='ok fail' ;;
        store:--files-from) kind=files ;;
        store:--report) kind=files ;;
        store:-aet | store:--aet) kind=text ;;
        store:-aec | store:--called-aet) kind=text ;;
        store:--timeout) kind=text ;;
        store:--acse-timeout) kind=text ;;
        store:--dimse-timeout) kind=text ;;
        store:-pdu | store:--max-pdu) kind=text ;;
        store:--tls-ca) kind=files ;;
        store:--tls-cert) kind=files ;;
        store:--tls-key) kind=files ;;
        store:--user) kind=text ;;
        store:--password-file) kind=files ;;
        store:--jwt-file) kind=files ;;
        store:--saml-file) kind=files ;;
        store:--kerberos-file) kind=files ;;
        store:--log-file) kind=files ;;
        store:--color) words='auto always never' ;;
        store:0) kind=peers ;;
        store:[0-9]*) kind=files ;;
        storescp:options) words='-od --output-dir --name --sort --on-duplicate --accept --sop-classes -aet --aet --check-called --allow-calling --allow-host --bind --max-associations -pdu --max-pdu --idle-timeout --min-free --fsync --no-fsync --on-file --on-study --study-timeout -f --format --max-files --idle-exit --tls-cert --tls-key --tls-ca --fault -v --verbose -q --quiet --log-file --color -h --help' ;;
        storescp:-od | storescp:--output-dir) kind=folders ;;
        storescp:--name) kind=text ;;
        storescp:--sort) words='flat study patient' ;;
        storescp:--on-duplicate) words='skip-identical keep-both overwrite reject' ;;
        storescp:--accept) kind=text ;;
        storescp:--sop-classes) words='storage any' ;;
        storescp:-aet | storescp:--aet) kind=text ;;
        storescp:--allow-calling) kind=text ;;
        storescp:--allow-host) kind=text ;;
        storescp:--bind) kind=text ;;
        storescp:--max-associations) kind=text ;;
        storescp:-pdu | storescp:--max-pdu) kind=text ;;
        storescp:--idle-timeout) kind=text ;;
        storescp:--min-free) kind=text ;;
        storescp:--on-file) kind=text ;;
        storescp:--on-study) kind=text ;;
        storescp:--study-timeout) kind=text ;;
        storescp:-f | storescp:--format) words='text ndjson' ;;
        storescp:--max-files) kind=text ;;
        storescp:--idle-exit) kind=text ;;
        storescp:--tls-cert) kind=files ;;
        storescp:--tls-key) kind=files ;;
        storescp:--tls-ca) kind=files ;;
        storescp:--fault) kind=text ;;
        storescp:--log-file) kind=files ;;
        storescp:--color) words='auto always never' ;;
        storescp:0) kind=text ;;
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
