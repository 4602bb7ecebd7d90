
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'homelab' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'homelab'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'homelab' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Begin a homelab: write a commented homelab.kdl, a root secret, and git''s settings for them')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Report what is wrong with homelab.kdl; needs no secret and changes nothing')
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Show what a build would change, and what that means for people; needs no secret and changes nothing')
            [CompletionResult]::new('build', 'build', [CompletionResultType]::ParameterValue, 'Build out/ from homelab.kdl: certificates, Caddyfile, guides')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show every device''s certificate status, and what to do; needs no secret and changes nothing')
            [CompletionResult]::new('exposure', 'exposure', [CompletionResultType]::ParameterValue, 'Show what can be reached, and by whom; needs no secret and changes nothing')
            [CompletionResult]::new('dns', 'dns', [CompletionResultType]::ParameterValue, 'Print the records that the DNS needs for the declared hosts, from `address` in `edge`; needs no secret and changes nothing')
            [CompletionResult]::new('renew', 'renew', [CompletionResultType]::ParameterValue, 'Issue new certificates to devices; the older ones keep working for a grace period')
            [CompletionResult]::new('revoke', 'revoke', [CompletionResultType]::ParameterValue, 'Revoke lost or stolen devices'' certificates: they are refused once you deploy out/edge/')
            [CompletionResult]::new('rotate', 'rotate', [CompletionResultType]::ParameterValue, 'Change to a new authority or root secret without locking anybody out, or change who can open homelab.age')
            [CompletionResult]::new('adopt', 'adopt', [CompletionResultType]::ParameterValue, 'Sign with an authority that was made elsewhere, or only trust it')
            [CompletionResult]::new('password', 'password', [CompletionResultType]::ParameterValue, 'Print the password of a device''s .p12')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Print or write a device''s key and certificate in PEM, or an authority''s key')
            [CompletionResult]::new('share', 'share', [CompletionResultType]::ParameterValue, 'Hand a device''s files to it over the local network, once, by a QR code')
            [CompletionResult]::new('deploy', 'deploy', [CompletionResultType]::ParameterValue, 'Bring out/edge/ to the host of its Caddy, as `deploy` in `edge` says; what was served before is put back if something is wrong')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check out/, a .p12, or the live server (`--live`)')
            [CompletionResult]::new('lint', 'lint', [CompletionResultType]::ParameterValue, 'Say where any Caddyfile lets somebody in whom it was to keep out; changes nothing')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'homelab;init' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'The age identity to encrypt the root secret to [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt, which is made if there is none]')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'The age identity to encrypt the root secret to [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt, which is made if there is none]')
            [CompletionResult]::new('--passphrase-file', '--passphrase-file', [CompletionResultType]::ParameterName, 'The same, with a file that holds the new passphrase, or `-` for standard input')
            [CompletionResult]::new('--seal-command', '--seal-command', [CompletionResultType]::ParameterName, 'A shell command that encrypts the root secret, such as `age -r age1yubikey1… -a`')
            [CompletionResult]::new('--root-command', '--root-command', [CompletionResultType]::ParameterName, 'With `--seal-command`: the command that decrypts its result, such as `age -d -i key.txt homelab.age`')
            [CompletionResult]::new('--passphrase', '--passphrase', [CompletionResultType]::ParameterName, 'Encrypt the root secret with a new passphrase, asked for on the terminal')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;check' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('--allow-retire', '--allow-retire', [CompletionResultType]::ParameterName, 'Let N devices be retired at once, as `build --allow-retire N` does')
            [CompletionResult]::new('--accept-return-of', '--accept-return-of', [CompletionResultType]::ParameterName, 'Let this device, such as alice/pixel, in again with a certificate that was revoked, if homelab.lock went back to before that; may be repeated')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;plan' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('--allow-retire', '--allow-retire', [CompletionResultType]::ParameterName, 'Show what `build --allow-retire N` would change')
            [CompletionResult]::new('--accept-return-of', '--accept-return-of', [CompletionResultType]::ParameterName, 'Let this device, such as alice/pixel, in again with a certificate that was revoked, if homelab.lock went back to before that; may be repeated')
            [CompletionResult]::new('--edge', '--edge', [CompletionResultType]::ParameterName, 'Show what `build --edge` would change')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Name each file, however many they are; without it more than 50 are summed up')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Name each file, however many they are; without it more than 50 are summed up')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object, for scripts; it names each file')
            [CompletionResult]::new('--expect-no-changes', '--expect-no-changes', [CompletionResultType]::ParameterName, 'Exit with 4 if anything would change')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;build' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'How many files to make at once, 1 to 256 [default: one per processor]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'How many files to make at once, 1 to 256 [default: one per processor]')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--root-command', '--root-command', [CompletionResultType]::ParameterName, 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`')
            [CompletionResult]::new('--root-passphrase-file', '--root-passphrase-file', [CompletionResultType]::ParameterName, 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]')
            [CompletionResult]::new('--allow-retire', '--allow-retire', [CompletionResultType]::ParameterName, 'Let N devices be retired at once: needed for more than two and more than a third of all')
            [CompletionResult]::new('--accept-return-of', '--accept-return-of', [CompletionResultType]::ParameterName, 'Let this device, such as alice/pixel, in again with a certificate that was revoked, if homelab.lock went back to before that; may be repeated')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Name each file, however many they are; without it more than 50 are summed up')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Name each file, however many they are; without it more than 50 are summed up')
            [CompletionResult]::new('--no-index', '--no-index', [CompletionResultType]::ParameterName, 'Read every file of the output again, and do not go by its size and times')
            [CompletionResult]::new('--locked', '--locked', [CompletionResultType]::ParameterName, 'Refuse to change homelab.lock: exit with 4 if something would be issued or retired')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Write nothing: make everything in memory, compare, print each difference and exit with 4')
            [CompletionResult]::new('--edge', '--edge', [CompletionResultType]::ParameterName, 'Build only out/edge/, which needs no secret')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;status' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print it [default: table]')
            [CompletionResult]::new('--on-due', '--on-due', [CompletionResultType]::ParameterName, 'A shell command to run if there is something to do, such as `mail -s "$HOMELAB_SUMMARY" me`. It reads what that is on stdin')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'The same as `--format json`')
            [CompletionResult]::new('--exit-code', '--exit-code', [CompletionResultType]::ParameterName, 'Exit with 4 if there is something to do, for monitoring')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'homelab;exposure' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object, for scripts')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;dns' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What is to read it: lines of a zone of the public DNS (RFC 1035), a file for unbound or dnsmasq at home, or lines of /etc/hosts')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'From where visitors come who are told: with `lan` the hosts have the addresses of `lan-address` [default: lan, where there is a `lan-address`; internet for a zone]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;renew' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'How many files to make at once, 1 to 256 [default: one per processor]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'How many files to make at once, 1 to 256 [default: one per processor]')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--root-command', '--root-command', [CompletionResultType]::ParameterName, 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`')
            [CompletionResult]::new('--root-passphrase-file', '--root-passphrase-file', [CompletionResultType]::ParameterName, 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]')
            [CompletionResult]::new('--due', '--due', [CompletionResultType]::ParameterName, 'Every device whose renewal is due or whose certificate has expired')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Every device')
            [CompletionResult]::new('--finish', '--finish', [CompletionResultType]::ParameterName, 'Issue nothing: these devices (or with `--all` every device) have installed their new certificates, so shut out the older ones')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Name each file, however many they are; without it more than 50 are summed up')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Name each file, however many they are; without it more than 50 are summed up')
            [CompletionResult]::new('--no-index', '--no-index', [CompletionResultType]::ParameterName, 'Read every file of the output again, and do not go by its size and times')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;revoke' {
            [CompletionResult]::new('--accept-return-of', '--accept-return-of', [CompletionResultType]::ParameterName, 'Let this other device come in again with a certificate that was revoked, where homelab.lock went back to before that; once for each')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'How many files to make at once, 1 to 256 [default: one per processor]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'How many files to make at once, 1 to 256 [default: one per processor]')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--root-command', '--root-command', [CompletionResultType]::ParameterName, 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`')
            [CompletionResult]::new('--root-passphrase-file', '--root-passphrase-file', [CompletionResultType]::ParameterName, 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]')
            [CompletionResult]::new('--no-replace', '--no-replace', [CompletionResultType]::ParameterName, 'Issue no new certificate to them until `renew` does')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Name each file, however many they are; without it more than 50 are summed up')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Name each file, however many they are; without it more than 50 are summed up')
            [CompletionResult]::new('--no-index', '--no-index', [CompletionResultType]::ParameterName, 'Read every file of the output again, and do not go by its size and times')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;rotate' {
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'A recipient of homelab.age, such as age1…; may be repeated [default: those it has]')
            [CompletionResult]::new('--recipient', '--recipient', [CompletionResultType]::ParameterName, 'A recipient of homelab.age, such as age1…; may be repeated [default: those it has]')
            [CompletionResult]::new('--add', '--add', [CompletionResultType]::ParameterName, 'With `--reseal`: encrypt homelab.age to this recipient too')
            [CompletionResult]::new('--remove', '--remove', [CompletionResultType]::ParameterName, 'With `--reseal`: encrypt homelab.age to this recipient no longer')
            [CompletionResult]::new('--passphrase-file', '--passphrase-file', [CompletionResultType]::ParameterName, 'The same, with a file that holds the new passphrase, or `-` for standard input')
            [CompletionResult]::new('--seal-command', '--seal-command', [CompletionResultType]::ParameterName, 'A shell command that encrypts homelab.age, such as `age -r age1yubikey1… -a`; `--root-command` has to decrypt its result')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'How many files to make at once, 1 to 256 [default: one per processor]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'How many files to make at once, 1 to 256 [default: one per processor]')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--root-command', '--root-command', [CompletionResultType]::ParameterName, 'A shell command that prints what homelab.age holds. With `--seal-command` and `--identity` it opens only the new file')
            [CompletionResult]::new('--root-passphrase-file', '--root-passphrase-file', [CompletionResultType]::ParameterName, 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]')
            [CompletionResult]::new('--authority', '--authority', [CompletionResultType]::ParameterName, 'Begin: a new authority signs from now on; the present one stays trusted until `--finish`')
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'Begin: a new root secret, and a new authority with it')
            [CompletionResult]::new('--finish', '--finish', [CompletionResultType]::ParameterName, 'End: trust only the new authority; refused while a device depends on another')
            [CompletionResult]::new('--reseal', '--reseal', [CompletionResultType]::ParameterName, 'Change who can open homelab.age, and nothing else: with `--recipient`, `--add`, `--remove`, a passphrase, or a `--seal-command`')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'With `--finish`: lock out the devices that have not moved. With `--reseal`: go on although no identity on this machine opens the result')
            [CompletionResult]::new('--passphrase', '--passphrase', [CompletionResultType]::ParameterName, 'With `--reseal`: encrypt with a new passphrase, asked for on the terminal')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Name each file, however many they are; without it more than 50 are summed up')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Name each file, however many they are; without it more than 50 are summed up')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;adopt' {
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Its private key, such as ca.key: it is kept in homelab.age and signs from now on')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Its private key, such as ca.key: it is kept in homelab.age and signs from now on')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'With `--key`: a recipient of homelab.age, such as age1…; may be repeated [default: those it has]')
            [CompletionResult]::new('--recipient', '--recipient', [CompletionResultType]::ParameterName, 'With `--key`: a recipient of homelab.age, such as age1…; may be repeated [default: those it has]')
            [CompletionResult]::new('--seal-command', '--seal-command', [CompletionResultType]::ParameterName, 'With `--key`: a shell command that encrypts homelab.age, such as `age -r age1yubikey1… -a`; `--root-command` has to decrypt its result')
            [CompletionResult]::new('--passphrase-file', '--passphrase-file', [CompletionResultType]::ParameterName, 'A file with the passphrase of the key, or `-` for standard input [default: asked for on the terminal]')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'How many files to make at once, 1 to 256 [default: one per processor]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'How many files to make at once, 1 to 256 [default: one per processor]')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--root-command', '--root-command', [CompletionResultType]::ParameterName, 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`')
            [CompletionResult]::new('--root-passphrase-file', '--root-passphrase-file', [CompletionResultType]::ParameterName, 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]')
            [CompletionResult]::new('--trust-only', '--trust-only', [CompletionResultType]::ParameterName, 'Only trust what it has signed; homelab''s own authority signs')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Name each file, however many they are; without it more than 50 are summed up')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Name each file, however many they are; without it more than 50 are summed up')
            [CompletionResult]::new('--no-index', '--no-index', [CompletionResultType]::ParameterName, 'Read every file of the output again, and do not go by its size and times')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;password' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--root-command', '--root-command', [CompletionResultType]::ParameterName, 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`')
            [CompletionResult]::new('--root-passphrase-file', '--root-passphrase-file', [CompletionResultType]::ParameterName, 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;export' {
            [CompletionResult]::new('--authority', '--authority', [CompletionResultType]::ParameterName, 'With `authority-key`: the name of the authority, if there are several [default: the one that signs]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write to this file, readable by you alone; `-` for standard output, even on a terminal')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to this file, readable by you alone; `-` for standard output, even on a terminal')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--root-command', '--root-command', [CompletionResultType]::ParameterName, 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`')
            [CompletionResult]::new('--root-passphrase-file', '--root-passphrase-file', [CompletionResultType]::ParameterName, 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]')
            [CompletionResult]::new('--pem', '--pem', [CompletionResultType]::ParameterName, 'The certificate and the key in one file, as curl, git and restic read them [default]')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The key alone, not encrypted')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'The certificate alone, which is not secret')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace the file that is there, and write a key though git would take it along')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;share' {
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'The address of this machine to listen on [default: its address in the local network]')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'The port to listen on [default: a free one]')
            [CompletionResult]::new('--minutes', '--minutes', [CompletionResultType]::ParameterName, 'After how many minutes to give up, 1 to 60')
            [CompletionResult]::new('--qr', '--qr', [CompletionResultType]::ParameterName, 'Write the QR code as an SVG too')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--root-command', '--root-command', [CompletionResultType]::ParameterName, 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`')
            [CompletionResult]::new('--root-passphrase-file', '--root-passphrase-file', [CompletionResultType]::ParameterName, 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]')
            [CompletionResult]::new('--show-password', '--show-password', [CompletionResultType]::ParameterName, 'Print the password of the .p12 too, which needs the root secret')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;deploy' {
            [CompletionResult]::new('--accept-return-of', '--accept-return-of', [CompletionResultType]::ParameterName, 'Let this device, such as alice/pixel, in again with a certificate that the host has shut out; may be repeated')
            [CompletionResult]::new('--resolve', '--resolve', [CompletionResultType]::ParameterName, 'Connect to this address for a host, as in curl; `*` for any host; may be repeated')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'The port of HTTPS [default: as declared, 443 unless `port` says another]')
            [CompletionResult]::new('--http-port', '--http-port', [CompletionResultType]::ParameterName, 'The port of HTTP, where only redirects may answer')
            [CompletionResult]::new('--admin-port', '--admin-port', [CompletionResultType]::ParameterName, 'The port of Caddy''s admin endpoint, which may answer on loopback only [default: as declared, 2019 unless `admin` says another]')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'A PEM file with the authorities to trust for the hosts'' own certificates, instead of this machine''s')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How many seconds each connection may take. Six times as long a host is waited for that has no certificate yet')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'The output directory [default: out/ beside homelab.kdl]')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'How many files to make at once, 1 to 256 [default: one per processor]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'How many files to make at once, 1 to 256 [default: one per processor]')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--root-command', '--root-command', [CompletionResultType]::ParameterName, 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`')
            [CompletionResult]::new('--root-passphrase-file', '--root-passphrase-file', [CompletionResultType]::ParameterName, 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Only tell what it would mean for people; changes nothing, here or on the host')
            [CompletionResult]::new('--rollback', '--rollback', [CompletionResultType]::ParameterName, 'Serve the release before the one that is served, each time one further back; what is declared here decides nothing')
            [CompletionResult]::new('--first', '--first', [CompletionResultType]::ParameterName, 'Let the host''s Caddyfile import the edge, where nobody has written anything in it; what is there is kept beside it')
            [CompletionResult]::new('--no-verify', '--no-verify', [CompletionResultType]::ParameterName, 'Do not ask afterwards whether the answers are those that are declared')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object, for scripts')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Name each file, however many they are; without it more than 50 are summed up')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Name each file, however many they are; without it more than 50 are summed up')
            [CompletionResult]::new('--no-index', '--no-index', [CompletionResultType]::ParameterName, 'Read every file of the output again, and do not go by its size and times')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;verify' {
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'A file with the password of a .p12 that is not from this homelab, or `-` for standard input [default: asked for on the terminal]')
            [CompletionResult]::new('--resolve', '--resolve', [CompletionResultType]::ParameterName, 'Connect to this address for a host, as in curl; `*` for any host; may be repeated')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'The port of HTTPS [default: as declared, 443 unless `port` says another]')
            [CompletionResult]::new('--http-port', '--http-port', [CompletionResultType]::ParameterName, 'The port of HTTP, where only redirects may answer')
            [CompletionResult]::new('--admin-port', '--admin-port', [CompletionResultType]::ParameterName, 'The port of Caddy''s admin endpoint, which may answer on loopback only [default: as declared, 2019 unless `admin` says another]')
            [CompletionResult]::new('--echo', '--echo', [CompletionResultType]::ParameterName, 'A service that answers with the headers it got, as traefik/whoami does: check what it is told about visitors [default path: /]')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'A PEM file with the authorities to trust for the hosts'' own certificates, instead of this machine''s: with `certificates "internal"`, Caddy''s root.crt')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How many seconds each connection may take')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it')
            [CompletionResult]::new('--root-key', '--root-key', [CompletionResultType]::ParameterName, 'Refuse a homelab.lock that is not signed with this root key; see `homelab status --json` [default: $HOMELAB_ROOT_KEY]')
            [CompletionResult]::new('--accept-epoch', '--accept-epoch', [CompletionResultType]::ParameterName, 'Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or $XDG_CONFIG_HOME/homelab/identity.txt]')
            [CompletionResult]::new('--root-command', '--root-command', [CompletionResultType]::ParameterName, 'A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`')
            [CompletionResult]::new('--root-passphrase-file', '--root-passphrase-file', [CompletionResultType]::ParameterName, 'A file with the present passphrase of homelab.age, or `-` for standard input [default: asked for on the terminal]')
            [CompletionResult]::new('--live', '--live', [CompletionResultType]::ParameterName, 'Connect to the declared hosts without a certificate, with a stranger''s and with each device''s, and compare the answers with homelab.kdl')
            [CompletionResult]::new('--no-secret', '--no-secret', [CompletionResultType]::ParameterName, 'Do without the root secret: no .p12 is opened, no device is tried')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object, for scripts')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;lint' {
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Do not tell of this form, such as `open-elsewhere`; may be repeated')
            [CompletionResult]::new('--caddy', '--caddy', [CompletionResultType]::ParameterName, 'The version of the Caddy that will run it, such as 2.8.4 [default: that of the `caddy` that reads it; with JSON, one without known holes]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object, for scripts')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'homelab;help' {
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Begin a homelab: write a commented homelab.kdl, a root secret, and git''s settings for them')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Report what is wrong with homelab.kdl; needs no secret and changes nothing')
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Show what a build would change, and what that means for people; needs no secret and changes nothing')
            [CompletionResult]::new('build', 'build', [CompletionResultType]::ParameterValue, 'Build out/ from homelab.kdl: certificates, Caddyfile, guides')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show every device''s certificate status, and what to do; needs no secret and changes nothing')
            [CompletionResult]::new('exposure', 'exposure', [CompletionResultType]::ParameterValue, 'Show what can be reached, and by whom; needs no secret and changes nothing')
            [CompletionResult]::new('dns', 'dns', [CompletionResultType]::ParameterValue, 'Print the records that the DNS needs for the declared hosts, from `address` in `edge`; needs no secret and changes nothing')
            [CompletionResult]::new('renew', 'renew', [CompletionResultType]::ParameterValue, 'Issue new certificates to devices; the older ones keep working for a grace period')
            [CompletionResult]::new('revoke', 'revoke', [CompletionResultType]::ParameterValue, 'Revoke lost or stolen devices'' certificates: they are refused once you deploy out/edge/')
            [CompletionResult]::new('rotate', 'rotate', [CompletionResultType]::ParameterValue, 'Change to a new authority or root secret without locking anybody out, or change who can open homelab.age')
            [CompletionResult]::new('adopt', 'adopt', [CompletionResultType]::ParameterValue, 'Sign with an authority that was made elsewhere, or only trust it')
            [CompletionResult]::new('password', 'password', [CompletionResultType]::ParameterValue, 'Print the password of a device''s .p12')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Print or write a device''s key and certificate in PEM, or an authority''s key')
            [CompletionResult]::new('share', 'share', [CompletionResultType]::ParameterValue, 'Hand a device''s files to it over the local network, once, by a QR code')
            [CompletionResult]::new('deploy', 'deploy', [CompletionResultType]::ParameterValue, 'Bring out/edge/ to the host of its Caddy, as `deploy` in `edge` says; what was served before is put back if something is wrong')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check out/, a .p12, or the live server (`--live`)')
            [CompletionResult]::new('lint', 'lint', [CompletionResultType]::ParameterValue, 'Say where any Caddyfile lets somebody in whom it was to keep out; changes nothing')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'homelab;help;init' {
            break
        }
        'homelab;help;check' {
            break
        }
        'homelab;help;plan' {
            break
        }
        'homelab;help;build' {
            break
        }
        'homelab;help;status' {
            break
        }
        'homelab;help;exposure' {
            break
        }
        'homelab;help;dns' {
            break
        }
        'homelab;help;renew' {
            break
        }
        'homelab;help;revoke' {
            break
        }
        'homelab;help;rotate' {
            break
        }
        'homelab;help;adopt' {
            break
        }
        'homelab;help;password' {
            break
        }
        'homelab;help;export' {
            break
        }
        'homelab;help;share' {
            break
        }
        'homelab;help;deploy' {
            break
        }
        'homelab;help;verify' {
            break
        }
        'homelab;help;lint' {
            break
        }
        'homelab;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
