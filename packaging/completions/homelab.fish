# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_homelab_global_optspecs
    string join \n h/help V/version
end

function __fish_homelab_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_homelab_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_homelab_using_subcommand
    set -l cmd (__fish_homelab_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c homelab -n "__fish_homelab_needs_command" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_needs_command" -s V -l version -d 'Print version'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "init" -d 'Begin a homelab: write a commented homelab.kdl, a root secret, and git\'s settings for them'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "check" -d 'Report what is wrong with homelab.kdl; needs no secret and changes nothing'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "plan" -d 'Show what a build would change, and what that means for people; needs no secret and changes nothing'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "build" -d 'Build out/ from homelab.kdl: certificates, Caddyfile, guides'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "status" -d 'Show every device\'s certificate status, and what to do; needs no secret and changes nothing'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "exposure" -d 'Show what can be reached, and by whom; needs no secret and changes nothing'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "dns" -d 'Print the records that the DNS needs for the declared hosts, from `address` in `edge`; needs no secret and changes nothing'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "renew" -d 'Issue new certificates to devices; the older ones keep working for a grace period'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "revoke" -d 'Revoke lost or stolen devices\' certificates: they are refused once you deploy out/edge/'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "rotate" -d 'Change to a new authority or root secret without locking anybody out, or change who can open homelab.age'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "adopt" -d 'Sign with an authority that was made elsewhere, or only trust it'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "password" -d 'Print the password of a device\'s .p12'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "export" -d 'Print or write a device\'s key and certificate in PEM, or an authority\'s key'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "share" -d 'Hand a device\'s files to it over the local network, once, by a QR code'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "deploy" -d 'Bring out/edge/ to the host of its Caddy, as `deploy` in `edge` says; what was served before is put back if something is wrong'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "verify" -d 'Check out/, a .p12, or the live server (`--live`)'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "lint" -d 'Say where any Caddyfile lets somebody in whom it was to keep out; changes nothing'
complete -c homelab -n "__fish_homelab_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c homelab -n "__fish_homelab_using_subcommand init" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand init" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand init" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand init" -s i -l identity -d 'The age identity to encrypt the root secret to [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt, which is made if there is none]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand init" -l passphrase-file -d 'The same, with a file that holds the new passphrase, or `-` for standard input' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand init" -l seal-command -d 'A shell command that encrypts the root secret, such as `age -r age1yubikey1… -a`' -r
complete -c homelab -n "__fish_homelab_using_subcommand init" -l root-command -d 'With `--seal-command`: the command that decrypts its result, such as `age -d -i key.txt homelab.age`' -r
complete -c homelab -n "__fish_homelab_using_subcommand init" -l passphrase -d 'Encrypt the root secret with a new passphrase, asked for on the terminal'
complete -c homelab -n "__fish_homelab_using_subcommand init" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand check" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand check" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand check" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand check" -l allow-retire -d 'Let N devices be retired at once, as `build --allow-retire N` does' -r
complete -c homelab -n "__fish_homelab_using_subcommand check" -l accept-return-of -d 'Let this device, such as alice/pixel, in again with a certificate that was revoked, if homelab.lock went back to before that; may be repeated' -r
complete -c homelab -n "__fish_homelab_using_subcommand check" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand plan" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand plan" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand plan" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand plan" -s o -l out -d 'The output directory [default: out/ beside homelab.kdl]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand plan" -l allow-retire -d 'Show what `build --allow-retire N` would change' -r
complete -c homelab -n "__fish_homelab_using_subcommand plan" -l accept-return-of -d 'Let this device, such as alice/pixel, in again with a certificate that was revoked, if homelab.lock went back to before that; may be repeated' -r
complete -c homelab -n "__fish_homelab_using_subcommand plan" -l edge -d 'Show what `build --edge` would change'
complete -c homelab -n "__fish_homelab_using_subcommand plan" -s v -l verbose -d 'Name each file, however many they are; without it more than 50 are summed up'
complete -c homelab -n "__fish_homelab_using_subcommand plan" -l json -d 'Print one JSON object, for scripts; it names each file'
complete -c homelab -n "__fish_homelab_using_subcommand plan" -l expect-no-changes -d 'Exit with 4 if anything would change'
complete -c homelab -n "__fish_homelab_using_subcommand plan" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand build" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand build" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand build" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand build" -s o -l out -d 'The output directory [default: out/ beside homelab.kdl]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand build" -s j -l jobs -d 'How many files to make at once, 1 to 256 [default: one per processor]' -r
complete -c homelab -n "__fish_homelab_using_subcommand build" -s i -l identity -d 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand build" -l root-command -d 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`' -r
complete -c homelab -n "__fish_homelab_using_subcommand build" -l root-passphrase-file -d 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand build" -l allow-retire -d 'Let N devices be retired at once: needed for more than two and more than a third of all' -r
complete -c homelab -n "__fish_homelab_using_subcommand build" -l accept-return-of -d 'Let this device, such as alice/pixel, in again with a certificate that was revoked, if homelab.lock went back to before that; may be repeated' -r
complete -c homelab -n "__fish_homelab_using_subcommand build" -s v -l verbose -d 'Name each file, however many they are; without it more than 50 are summed up'
complete -c homelab -n "__fish_homelab_using_subcommand build" -l no-index -d 'Read every file of the output again, and do not go by its size and times'
complete -c homelab -n "__fish_homelab_using_subcommand build" -l locked -d 'Refuse to change homelab.lock: exit with 4 if something would be issued or retired'
complete -c homelab -n "__fish_homelab_using_subcommand build" -l check -d 'Write nothing: make everything in memory, compare, print each difference and exit with 4'
complete -c homelab -n "__fish_homelab_using_subcommand build" -l edge -d 'Build only out/edge/, which needs no secret'
complete -c homelab -n "__fish_homelab_using_subcommand build" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand status" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand status" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand status" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand status" -l format -d 'How to print it [default: table]' -r -f -a "table\t'A line for each device, for people'
json\t'One JSON object, for scripts'
prometheus\t'Metrics, for the textfile collector of Prometheus\'s node_exporter'"
complete -c homelab -n "__fish_homelab_using_subcommand status" -l on-due -d 'A shell command to run if there is something to do, such as `mail -s "$HOMELAB_SUMMARY" me`. It reads what that is on stdin' -r
complete -c homelab -n "__fish_homelab_using_subcommand status" -l json -d 'The same as `--format json`'
complete -c homelab -n "__fish_homelab_using_subcommand status" -l exit-code -d 'Exit with 4 if there is something to do, for monitoring'
complete -c homelab -n "__fish_homelab_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c homelab -n "__fish_homelab_using_subcommand exposure" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand exposure" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand exposure" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand exposure" -l json -d 'Print one JSON object, for scripts'
complete -c homelab -n "__fish_homelab_using_subcommand exposure" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand dns" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand dns" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand dns" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand dns" -l format -d 'What is to read it: lines of a zone of the public DNS (RFC 1035), a file for unbound or dnsmasq at home, or lines of /etc/hosts' -r -f -a "zone\t''
unbound\t''
dnsmasq\t''
hosts\t''"
complete -c homelab -n "__fish_homelab_using_subcommand dns" -l from -d 'From where visitors come who are told: with `lan` the hosts have the addresses of `lan-address` [default: lan, where there is a `lan-address`; internet for a zone]' -r -f -a "lan\t''
internet\t''"
complete -c homelab -n "__fish_homelab_using_subcommand dns" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand renew" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand renew" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand renew" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand renew" -s o -l out -d 'The output directory [default: out/ beside homelab.kdl]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand renew" -s j -l jobs -d 'How many files to make at once, 1 to 256 [default: one per processor]' -r
complete -c homelab -n "__fish_homelab_using_subcommand renew" -s i -l identity -d 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand renew" -l root-command -d 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`' -r
complete -c homelab -n "__fish_homelab_using_subcommand renew" -l root-passphrase-file -d 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand renew" -l due -d 'Every device whose renewal is due or whose certificate has expired'
complete -c homelab -n "__fish_homelab_using_subcommand renew" -l all -d 'Every device'
complete -c homelab -n "__fish_homelab_using_subcommand renew" -l finish -d 'Issue nothing: these devices (or with `--all` every device) have installed their new certificates, so shut out the older ones'
complete -c homelab -n "__fish_homelab_using_subcommand renew" -s v -l verbose -d 'Name each file, however many they are; without it more than 50 are summed up'
complete -c homelab -n "__fish_homelab_using_subcommand renew" -l no-index -d 'Read every file of the output again, and do not go by its size and times'
complete -c homelab -n "__fish_homelab_using_subcommand renew" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand revoke" -l accept-return-of -d 'Let this other device come in again with a certificate that was revoked, where homelab.lock went back to before that; once for each' -r
complete -c homelab -n "__fish_homelab_using_subcommand revoke" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand revoke" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand revoke" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand revoke" -s o -l out -d 'The output directory [default: out/ beside homelab.kdl]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand revoke" -s j -l jobs -d 'How many files to make at once, 1 to 256 [default: one per processor]' -r
complete -c homelab -n "__fish_homelab_using_subcommand revoke" -s i -l identity -d 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand revoke" -l root-command -d 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`' -r
complete -c homelab -n "__fish_homelab_using_subcommand revoke" -l root-passphrase-file -d 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand revoke" -l no-replace -d 'Issue no new certificate to them until `renew` does'
complete -c homelab -n "__fish_homelab_using_subcommand revoke" -s v -l verbose -d 'Name each file, however many they are; without it more than 50 are summed up'
complete -c homelab -n "__fish_homelab_using_subcommand revoke" -l no-index -d 'Read every file of the output again, and do not go by its size and times'
complete -c homelab -n "__fish_homelab_using_subcommand revoke" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -s r -l recipient -d 'A recipient of homelab.age, such as age1…; may be repeated [default: those it has]' -r
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -l add -d 'With `--reseal`: encrypt homelab.age to this recipient too' -r
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -l remove -d 'With `--reseal`: encrypt homelab.age to this recipient no longer' -r
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -l passphrase-file -d 'The same, with a file that holds the new passphrase, or `-` for standard input' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -l seal-command -d 'A shell command that encrypts homelab.age, such as `age -r age1yubikey1… -a`; `--root-command` has to decrypt its result' -r
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -s o -l out -d 'The output directory [default: out/ beside homelab.kdl]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -s j -l jobs -d 'How many files to make at once, 1 to 256 [default: one per processor]' -r
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -s i -l identity -d 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]' -r
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -l root-command -d 'A shell command that prints what homelab.age holds. With `--seal-command` and `--identity` it opens only the new file' -r
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -l root-passphrase-file -d 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -l authority -d 'Begin: a new authority signs from now on; the present one stays trusted until `--finish`'
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -l root -d 'Begin: a new root secret, and a new authority with it'
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -l finish -d 'End: trust only the new authority; refused while a device depends on another'
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -l reseal -d 'Change who can open homelab.age, and nothing else: with `--recipient`, `--add`, `--remove`, a passphrase, or a `--seal-command`'
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -l force -d 'With `--finish`: lock out the devices that have not moved. With `--reseal`: go on although no identity on this machine opens the result'
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -l passphrase -d 'With `--reseal`: encrypt with a new passphrase, asked for on the terminal'
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -s v -l verbose -d 'Name each file, however many they are; without it more than 50 are summed up'
complete -c homelab -n "__fish_homelab_using_subcommand rotate" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -s k -l key -d 'Its private key, such as ca.key: it is kept in homelab.age and signs from now on' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -s r -l recipient -d 'With `--key`: a recipient of homelab.age, such as age1…; may be repeated [default: those it has]' -r
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -l seal-command -d 'With `--key`: a shell command that encrypts homelab.age, such as `age -r age1yubikey1… -a`; `--root-command` has to decrypt its result' -r
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -l passphrase-file -d 'A file with the passphrase of the key, or `-` for standard input [default: asked for on the terminal]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -s o -l out -d 'The output directory [default: out/ beside homelab.kdl]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -s j -l jobs -d 'How many files to make at once, 1 to 256 [default: one per processor]' -r
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -s i -l identity -d 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -l root-command -d 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`' -r
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -l root-passphrase-file -d 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -l trust-only -d 'Only trust what it has signed; homelab\'s own authority signs'
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -s v -l verbose -d 'Name each file, however many they are; without it more than 50 are summed up'
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -l no-index -d 'Read every file of the output again, and do not go by its size and times'
complete -c homelab -n "__fish_homelab_using_subcommand adopt" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand password" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand password" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand password" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand password" -s i -l identity -d 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand password" -l root-command -d 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`' -r
complete -c homelab -n "__fish_homelab_using_subcommand password" -l root-passphrase-file -d 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand password" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand export" -l authority -d 'With `authority-key`: the name of the authority, if there are several [default: the one that signs]' -r
complete -c homelab -n "__fish_homelab_using_subcommand export" -s o -l output -d 'Write to this file, readable by you alone; `-` for standard output, even on a terminal' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand export" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand export" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand export" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand export" -s i -l identity -d 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand export" -l root-command -d 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`' -r
complete -c homelab -n "__fish_homelab_using_subcommand export" -l root-passphrase-file -d 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand export" -l pem -d 'The certificate and the key in one file, as curl, git and restic read them [default]'
complete -c homelab -n "__fish_homelab_using_subcommand export" -l key -d 'The key alone, not encrypted'
complete -c homelab -n "__fish_homelab_using_subcommand export" -l cert -d 'The certificate alone, which is not secret'
complete -c homelab -n "__fish_homelab_using_subcommand export" -l force -d 'Replace the file that is there, and write a key though git would take it along'
complete -c homelab -n "__fish_homelab_using_subcommand export" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand share" -l address -d 'The address of this machine to listen on [default: its address in the local network]' -r
complete -c homelab -n "__fish_homelab_using_subcommand share" -l port -d 'The port to listen on [default: a free one]' -r
complete -c homelab -n "__fish_homelab_using_subcommand share" -l minutes -d 'After how many minutes to give up, 1 to 60' -r
complete -c homelab -n "__fish_homelab_using_subcommand share" -l qr -d 'Write the QR code as an SVG too' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand share" -s o -l out -d 'The output directory [default: out/ beside homelab.kdl]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand share" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand share" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand share" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand share" -s i -l identity -d 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand share" -l root-command -d 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`' -r
complete -c homelab -n "__fish_homelab_using_subcommand share" -l root-passphrase-file -d 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand share" -l show-password -d 'Print the password of the .p12 too, which needs the root secret'
complete -c homelab -n "__fish_homelab_using_subcommand share" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l accept-return-of -d 'Let this device, such as alice/pixel, in again with a certificate that the host has shut out; may be repeated' -r
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l resolve -d 'Connect to this address for a host, as in curl; `*` for any host; may be repeated' -r
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l port -d 'The port of HTTPS [default: as declared, 443 unless `port` says another]' -r
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l http-port -d 'The port of HTTP, where only redirects may answer' -r
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l admin-port -d 'The port of Caddy\'s admin endpoint, which may answer on loopback only [default: as declared, 2019 unless `admin` says another]' -r
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l ca -d 'A PEM file with the authorities to trust for the hosts\' own certificates, instead of this machine\'s' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l timeout -d 'How many seconds each connection may take. Six times as long a host is waited for that has no certificate yet' -r
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -s o -l out -d 'The output directory [default: out/ beside homelab.kdl]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -s j -l jobs -d 'How many files to make at once, 1 to 256 [default: one per processor]' -r
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -s i -l identity -d 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l root-command -d 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`' -r
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l root-passphrase-file -d 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l dry-run -d 'Only tell what it would mean for people; changes nothing, here or on the host'
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l rollback -d 'Serve the release before the one that is served; what is declared here is not asked'
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l first -d 'Let the host\'s Caddyfile import the edge, where nobody has written anything in it; what is there is kept beside it'
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l no-verify -d 'Do not ask afterwards whether the answers are those that are declared'
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l json -d 'Print one JSON object, for scripts'
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -s v -l verbose -d 'Name each file, however many they are; without it more than 50 are summed up'
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -l no-index -d 'Read every file of the output again, and do not go by its size and times'
complete -c homelab -n "__fish_homelab_using_subcommand deploy" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l password-file -d 'A file with the password of a .p12 that is not from this homelab, or `-` for standard input [default: asked for on the terminal]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l resolve -d 'Connect to this address for a host, as in curl; `*` for any host; may be repeated' -r
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l port -d 'The port of HTTPS [default: as declared, 443 unless `port` says another]' -r
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l http-port -d 'The port of HTTP, where only redirects may answer' -r
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l admin-port -d 'The port of Caddy\'s admin endpoint, which may answer on loopback only [default: as declared, 2019 unless `admin` says another]' -r
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l echo -d 'A service that answers with the headers it got, as traefik/whoami does: check what it is told about visitors [default path: /]' -r
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l ca -d 'A PEM file with the authorities to trust for the hosts\' own certificates, instead of this machine\'s: with `certificates "internal"`, Caddy\'s root.crt' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l timeout -d 'How many seconds each connection may take' -r
complete -c homelab -n "__fish_homelab_using_subcommand verify" -s f -l file -d 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l root-key -d 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]' -r
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l accept-epoch -d 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts' -r
complete -c homelab -n "__fish_homelab_using_subcommand verify" -s i -l identity -d 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l root-command -d 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`' -r
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l root-passphrase-file -d 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]' -r -F
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l live -d 'Connect to the declared hosts without a certificate, with a stranger\'s and with each device\'s, and compare the answers with homelab.kdl'
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l no-secret -d 'Do without the root secret: no .p12 is opened, no device is tried'
complete -c homelab -n "__fish_homelab_using_subcommand verify" -l json -d 'Print one JSON object, for scripts'
complete -c homelab -n "__fish_homelab_using_subcommand verify" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand lint" -l allow -d 'Do not tell of this form, such as `open-elsewhere`; may be repeated' -r
complete -c homelab -n "__fish_homelab_using_subcommand lint" -l caddy -d 'The version of the Caddy that will run it, such as 2.8.4 [default: that of the `caddy` that reads it; with JSON, one without known holes]' -r
complete -c homelab -n "__fish_homelab_using_subcommand lint" -l json -d 'Print one JSON object, for scripts'
complete -c homelab -n "__fish_homelab_using_subcommand lint" -s h -l help -d 'Print help'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "init" -d 'Begin a homelab: write a commented homelab.kdl, a root secret, and git\'s settings for them'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "check" -d 'Report what is wrong with homelab.kdl; needs no secret and changes nothing'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "plan" -d 'Show what a build would change, and what that means for people; needs no secret and changes nothing'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "build" -d 'Build out/ from homelab.kdl: certificates, Caddyfile, guides'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "status" -d 'Show every device\'s certificate status, and what to do; needs no secret and changes nothing'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "exposure" -d 'Show what can be reached, and by whom; needs no secret and changes nothing'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "dns" -d 'Print the records that the DNS needs for the declared hosts, from `address` in `edge`; needs no secret and changes nothing'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "renew" -d 'Issue new certificates to devices; the older ones keep working for a grace period'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "revoke" -d 'Revoke lost or stolen devices\' certificates: they are refused once you deploy out/edge/'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "rotate" -d 'Change to a new authority or root secret without locking anybody out, or change who can open homelab.age'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "adopt" -d 'Sign with an authority that was made elsewhere, or only trust it'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "password" -d 'Print the password of a device\'s .p12'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "export" -d 'Print or write a device\'s key and certificate in PEM, or an authority\'s key'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "share" -d 'Hand a device\'s files to it over the local network, once, by a QR code'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "deploy" -d 'Bring out/edge/ to the host of its Caddy, as `deploy` in `edge` says; what was served before is put back if something is wrong'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "verify" -d 'Check out/, a .p12, or the live server (`--live`)'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "lint" -d 'Say where any Caddyfile lets somebody in whom it was to keep out; changes nothing'
complete -c homelab -n "__fish_homelab_using_subcommand help; and not __fish_seen_subcommand_from init check plan build status exposure dns renew revoke rotate adopt password export share deploy verify lint help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
