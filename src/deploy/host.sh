#!/bin/sh
# The host's side of `homelab deploy`, run there by `sh` with the system's own tools: tar, flock, mv -T, diff, caddy.
#
# It is sent over, runs as long as the connection, and leaves nothing behind but the releases. It reads orders, a line each, from
# standard input and answers on standard output: any number of
#     line NAME VALUE
#     part NAME OCTETS      and so many octets
# and then `done STATUS`. What it is to write comes behind its order, as many octets as that says.
#
# Who connected may be gone at any moment, which is the end of standard input. If a release was put in the place of another by then,
# and nobody has said `keep`, the other is put back: a connection that the release itself has cut must not keep it.
#
# Below $path lie releases/NAME, `current` (a link to the one that is served), .history (what was kept, the last at the end), .pending
# (what is being tried, and what was served before it) and .lock. A rollback goes one back in .history and changes nothing in it, so
# that the next one goes further back; what is kept after it stands there in place of what it went back from.
set -u
set -f
umask 022
LC_ALL=C
export LC_ALL
# To write to who is gone is no reason to stop halfway.
trap '' PIPE HUP INT

keeps=5

IFS= read -r path
IFS= read -r config
IFS= read -r reload
IFS= read -r engine
IFS= read -r container
IFS= read -r container_config

work=$path/.work
adrift=no
settled=no

main() {
    printf 'homelab deploy 1\n'
    for tool in tar flock mv ln readlink diff dd wc cp sync; do
        command -v "$tool" >/dev/null 2>&1 || refuse tool "$tool"
    done
    mkdir -p "$path/releases" 2>/dev/null || refuse directory "$path"
    (umask 077 && : >>"$path/.lock") 2>/dev/null || refuse directory "$path"
    exec 9>>"$path/.lock"
    wait_for_lock
    rm -rf "$work" "$path/.incoming" "$path/.incoming.tar"
    mkdir -m 700 "$work" || refuse directory "$path"
    line held yes
    finish 0
    while IFS= read -r order; do
        # An order is words alone, and patterns are off.
        # shellcheck disable=SC2086
        set -- $order
        case ${1-} in
            look) look ;;
            read) read_release "$2" ;;
            place) place "$2" "$3" ;;
            check) check "$2" ;;
            point) point "$2" ;;
            settle) settle "$2" ;;
            exchange) exchange "$2" "$3" "$4" ;;
            keep) keep ;;
            gone-back) gone_back ;;
            back) back; finish 0 ;;
            *) finish 2 ;;
        esac
    done
    if [ "$adrift" = yes ]; then
        back
    fi
    rm -rf "$work"
}

# --- Talking -----------------------------------------------------------------------------------------------------------------

line() { printf 'line %s %s\n' "$1" "$2"; }

part() { # NAME FILE
    [ -f "$2" ] && [ -r "$2" ] || return 0
    printf 'part %s %s\n' "$1" "$(($(wc -c <"$2")))"
    cat "$2"
}

finish() { printf 'done %s\n' "$1"; }

refuse() { # WHY WHAT
    line "$1" "$2"
    finish 1
    exit 1
}

# So many octets of what is sent, and not one more: what comes behind them is the next order. An old `dd` takes them one by one.
octets() {
    if [ "$(printf xy | dd bs=2 iflag=fullblock,count_bytes count=1 2>/dev/null)" = x ]; then
        dd bs=65536 iflag=fullblock,count_bytes count="$1" 2>/dev/null
    else
        dd bs=1 count="$1" 2>/dev/null
    fi
}

# Nobody waits for ever for a command that does not end.
within() {
    if command -v timeout >/dev/null 2>&1; then
        timeout 120 "$@" 9>&- </dev/null
    else
        "$@" 9>&- </dev/null
    fi
}

wait_for_lock() {
    tries=0
    until flock -n 9; do
        # One that is held says 1; anything else is no matter of waiting.
        [ "$?" = 1 ] || refuse tool flock
        [ "$tries" != 0 ] || { line waiting yes; finish 0; }
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || refuse busy "$path"
        sleep 1
    done
}

# --- Looking -----------------------------------------------------------------------------------------------------------------

# The release that is served; empty where there is none.
served() {
    leads_to=$(readlink "$path/current" 2>/dev/null) || leads_to=
    case $leads_to in
        releases/*) printf '%s' "${leads_to#releases/}" ;;
    esac
}

look() {
    line current "$(served)"
    if [ -f "$path/.pending" ]; then
        line pending "$(cat "$path/.pending")"
    fi
    if [ -f "$path/.history" ]; then
        while IFS= read -r name; do
            [ ! -d "$path/releases/$name" ] || line release "$name"
        done <"$path/.history"
    fi
    if [ -f "$config" ]; then
        if [ -r "$config" ]; then
            part config "$config"
        else
            line unreadable "$config"
        fi
    fi
    release_parts "$path/current"
    if within sh -c "$(caddy_words) version" >"$work/version" 2>"$work/said"; then
        part caddy "$work/version"
    else
        line unasked yes
        part said "$work/said"
    fi
    finish 0
}

release_parts() {
    part state "$1/exposure.json"
    part crl "$1/ca.crl"
    part authorities "$1/ca.pem"
}

read_release() {
    release_parts "$path/releases/$1"
    finish 0
}

# --- Copying -----------------------------------------------------------------------------------------------------------------

# A release comes as a tar file, and lies in its place whole or not at all. One of that name is kept if it has the same files; where
# somebody has changed it, the new one gets a name of its own.
place() { # NAME OCTETS
    rm -rf "$path/.incoming" "$path/.incoming.tar"
    # There may be keys in it.
    (umask 077 && octets "$2" >"$path/.incoming.tar") 2>"$work/said"
    if [ "$(($(wc -c <"$path/.incoming.tar")))" != "$2" ]; then
        printf 'not all of it has arrived: is the disk full?\n' >>"$work/said"
        fail_placing
        return
    fi
    { mkdir "$path/.incoming" \
        && tar -xof "$path/.incoming.tar" -C "$path/.incoming"; } 2>"$work/said" || { fail_placing; return; }
    rm -f "$path/.incoming.tar"
    carry_on
    name=$1
    tries=1
    while [ -e "$path/releases/$name" ]; do
        if diff -r "$path/.incoming" "$path/releases/$name" >/dev/null 2>&1; then
            rm -rf "$path/.incoming"
            for_caddy "$path/releases/$name"
            line placed "$name"
            finish 0
            return
        fi
        tries=$((tries + 1))
        name=$1-$tries
    done
    for_caddy "$path/.incoming"
    sync
    if mv -T "$path/.incoming" "$path/releases/$name" 2>"$work/said"; then
        sync
        line placed "$name"
        finish 0
    else
        fail_placing
    fi
}

# Who deploys without the secret may not have what waits to be fetched. It stays as long as the release hands it out: each certificate's
# directory has a name of its own.
carry_on() {
    [ -d "$path/current/pick-up" ] || return 0
    set +f
    for kept in "$path"/current/pick-up/*; do
        folder=${kept##*/}
        if [ ! -e "$path/.incoming/pick-up/$folder" ] && grep -qF "/pick-up/$folder" "$path/.incoming/sites.caddyfile" 2>/dev/null; then
            mkdir -p "$path/.incoming/pick-up" && cp -rp "$kept" "$path/.incoming/pick-up/"
        fi
    done
    set -f
}

# Certificates that wait to be fetched lie there with their keys and passwords: for their owner and for Caddy.
for_caddy() { # RELEASE
    [ -d "$1/pick-up" ] && [ -z "$engine" ] && id caddy >/dev/null 2>&1 || return 0
    [ "$(id -un)" = caddy ] || chgrp -R "$(id -gn caddy)" "$1/pick-up" 2>/dev/null || line unread pick-up
}

fail_placing() {
    rm -rf "$path/.incoming" "$path/.incoming.tar"
    part said "$work/said"
    finish 1
}

# --- Checking ----------------------------------------------------------------------------------------------------------------

# How the Caddy is called that serves; none of these words has a character that a shell reads.
caddy_words() {
    case $engine in
        '') printf caddy ;;
        *) printf '%s exec %s caddy' "$engine" "$container" ;;
    esac
}

# What Caddy makes of a configuration that imports the new release, and whether it could load it. It stands beside the one in use, for
# its imports are relative, and has the same owner and mode, for there may be secrets in it.
check() { # OCTETS
    candidate=${config%/*}/.homelab-candidate
    case $engine in
        '') seen=$candidate ;;
        *) seen=${container_config%/*}/.homelab-candidate ;;
    esac
    rm -f "$candidate"
    if [ -f "$config" ]; then
        cp -p "$config" "$candidate" 2>/dev/null
    fi
    octets "$1" >"$work/candidate"
    if ! cat "$work/candidate" 2>"$work/said" >"$candidate"; then
        line beside "$candidate"
        part said "$work/said"
        finish 1
        return
    fi
    status=0
    within sh -c "$(caddy_words) adapt --adapter caddyfile --config $seen" >"$work/adapted" 2>"$work/said" || status=$?
    if [ "$status" = 0 ]; then
        part adapted "$work/adapted"
        as_caddy "$(caddy_words) validate --adapter caddyfile --config $seen" >"$work/said" 2>&1 || status=$?
    fi
    rm -f "$candidate"
    line valid "$status"
    part said "$work/said"
    finish 0
}

# As the user that Caddy runs as, where that can be known: to validate opens log files, and one that root has made is shut to Caddy.
as_caddy() {
    if [ -z "$engine" ] && [ "$(id -u)" = 0 ] && id caddy >/dev/null 2>&1 && command -v su >/dev/null 2>&1; then
        within su -s /bin/sh -c "$1" caddy
    else
        within sh -c "$1"
    fi
}

# --- Serving -----------------------------------------------------------------------------------------------------------------

lead_to() { # NAME
    rm -f "$path/.current.new"
    ln -s "releases/$1" "$path/.current.new" && mv -T "$path/.current.new" "$path/current" && sync
}

# For who is to write the first import: Caddy is to find something there.
point() { # NAME
    status=0
    lead_to "$1" 2>"$work/said" || status=1
    part said "$work/said"
    finish "$status"
}

# The configuration's first import: what was there is kept beside it.
settle() { # OCTETS
    octets "$1" >"$work/config"
    status=0
    {
        rm -f "$config.new-homelab"
        rm -f "$work/before"
        if [ -f "$config" ]; then
            cp -p "$config" "$work/before" || status=1
            [ -f "$config.before-homelab" ] || cp -p "$config" "$config.before-homelab"
            cp -p "$config" "$config.new-homelab"
        fi
        cat "$work/config" >"$config.new-homelab" && sync && mv "$config.new-homelab" "$config"
    } 2>"$work/said" || status=1
    [ "$status" = 1 ] || settled=yes
    part said "$work/said"
    finish "$status"
}

load() {
    status=0
    within sh -c "$reload" >"$work/said" 2>&1 || status=$?
    line reload "$status"
    part said "$work/said"
}

# Leads to another release and has Caddy load it. `$2` is whether the one before may be put back, `$3` after how many seconds without
# a word it is.
exchange() { # NAME yes|no SECONDS
    former=$(served)
    may_go_back=$2
    printf '%s %s\n' "$1" "$former" >"$path/.pending" 2>"$work/said" && lead_to "$1" 2>"$work/said"
    if [ "$(served)" != "$1" ]; then
        rm -f "$path/.pending"
        part said "$work/said"
        finish 1
        return
    fi
    adrift=$may_go_back
    watch "$3"
    load
    finish 0
}

# Where the connection is not cut but only silent, the end of standard input never comes.
watch() { # SECONDS
    # It ends the reading of the next order.
    trap : TERM
    me=$$
    (
        exec </dev/null >/dev/null 2>&1 9>&-
        left=$1
        while [ "$left" -gt 0 ]; do
            sleep 1
            kill -0 "$me" 2>/dev/null || exit 0
            left=$((left - 1))
        done
        kill -TERM "$me"
    ) &
    watcher=$!
}

unwatch() {
    trap '' TERM
    kill "$watcher" 2>/dev/null
    wait "$watcher" 2>/dev/null
}

keep() {
    unwatch
    adrift=no
    name=$(served)
    shed_keys
    history_with "$name" 2>/dev/null | tail -n "$keeps" >"$path/.history.new" 2>/dev/null
    # Where the disk is full there is less in it than should be, and nothing is removed by that.
    if [ "$(tail -n 1 "$path/.history.new")" != "$name" ] || ! mv "$path/.history.new" "$path/.history"; then
        rm -f "$path/.history.new"
        line kept no
        finish 0
        return
    fi
    rm -f "$path/.pending"
    set +f
    for release in "$path"/releases/*; do
        [ "${release##*/}" = "$name" ] || grep -qxF -e "${release##*/}" "$path/.history" || rm -rf "$release"
    done
    set -f
    sync
    finish 0
}

# Keys and passwords stay in the release that is served alone. It takes no space, should the disk be full.
shed_keys() {
    set +f
    for release in "$path"/releases/*; do
        [ "${release##*/}" = "$(served)" ] || rm -rf "$release/pick-up"
    done
    set -f
}

# What was kept until what was served before, and NAME.
history_with() { # NAME
    if [ -f "$path/.history" ]; then
        while IFS= read -r kept; do
            [ "$kept" = "$1" ] || printf '%s\n' "$kept"
            [ "$kept" != "$former" ] || break
        done <"$path/.history"
    fi
    printf '%s\n' "$1"
}

# A release from .history is served, and stays.
gone_back() {
    unwatch
    adrift=no
    shed_keys
    rm -f "$path/.pending"
    sync
    finish 0
}

# Puts back what was served before, and the configuration as it was before its first import.
back() {
    unwatch
    adrift=no
    if [ "$settled" = yes ]; then
        rm -f "$config"
        [ ! -f "$work/before" ] || cp -p "$work/before" "$config"
        settled=no
    fi
    if [ -n "$former" ]; then
        lead_to "$former"
    fi
    load
    line current "$(served)"
    rm -f "$path/.pending"
}

main
